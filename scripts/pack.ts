/** Packs the packages as they are published. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** The package.json of a package. */
export interface Manifest {
  name: string;
  version: string;
  description?: string;
  license?: string;
  homepage?: string;
  bugs?: string;
  repository?: { type: string; url: string; directory: string };
  main?: string;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  files?: string[];
  preferUnplugged?: boolean;
  scripts?: Record<string, string>;
  publishConfig?: { executableFiles?: string[] };
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** A package as a tarball. */
export interface Packed {
  manifest: Manifest;
  tarball: string;
  files: { path: string; size: number; isExecutable: boolean }[];
}

/** The targets that have a package. */
export const targets: string[] = globSync('packages/shareable/npm/*', { cwd: root })
  .map((path) => basename(path))
  .toSorted();

/** The package of a target. */
export function folderOf(target: string): string {
  return join(root, 'packages/shareable/npm', target);
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** The pnpm program that the tests' package installs. */
export const pnpmProgram: string = join(
  dirname(createRequire(join(root, 'test/package.json')).resolve('pnpm/package.json')),
  'bin/pnpm.mjs',
);

function pack(folder: string, destination: string): Packed {
  const output = execFileSync(process.execPath, [pnpmProgram, 'pack', '--json', '--pack-destination', destination], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { filename } = JSON.parse(output.slice(output.indexOf('{\n'))) as { filename: string };
  const tarball = join(destination, basename(filename));
  const listing = execFileSync('tar', ['--list', '--verbose', '--gzip', '--numeric-owner', '--file', tarball], {
    encoding: 'utf8',
  });
  const files = [...listing.matchAll(/^-(\S{9}) +\S+ +(\d+) +\S+ +\S+ +package\/(.+)$/gm)].map(
    ([, mode = '', size = '', path = '']) => ({ path, size: Number(size), isExecutable: mode.includes('x') }),
  );
  const manifest = JSON.parse(
    execFileSync('tar', ['--extract', '--gzip', '--to-stdout', '--file', tarball, 'package/package.json'], {
      encoding: 'utf8',
    }),
  ) as Manifest;
  return { manifest, tarball, files };
}

/** Packs the main package. */
export function packMain(destination: string): Packed {
  return pack(join(root, 'packages/shareable'), destination);
}

/** Packs the package of a target with the binaries that were built into it. */
export function packPlatform(target: string, destination: string): Packed {
  return pack(folderOf(target), destination);
}

/** Packs the package of a target with the binaries of the local build. */
export function packLocal(target: string, destination: string): Packed {
  const folder = mkdtempSync(join(tmpdir(), 'shareable-pack-'));
  try {
    // Without the script that would fetch the files that are written below.
    const { scripts: _, ...manifest } = readManifest(folderOf(target));
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
    for (const name of ['README.md', 'index.js']) copyFileSync(join(folderOf(target), name), join(folder, name));
    const native = join(root, 'packages/shareable/native');
    for (const name of readManifest(folder).files ?? []) {
      const source = join(name === 'THIRD-PARTY.md' ? root : native, name);
      if (existsSync(source)) cpSync(source, join(folder, name));
    }
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    return pack(folder, destination);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
