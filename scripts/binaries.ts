/** Checks what the binaries in a tarball are built for. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { machOProblems } from './targets/mach-o.ts';
import { GLIBC_FLOOR } from './targets/targets.ts';

const FORMATS = {
  linux: { magic: [0x7f, 0x45, 0x4c, 0x46], at: 18, cpus: { x64: 62, arm64: 183 } },
  darwin: { magic: [0xcf, 0xfa, 0xed, 0xfe], at: 4, cpus: { x64: 7, arm64: 12 } },
  win32: { magic: [0x4d, 0x5a], at: 4, cpus: { x64: 0x8664, arm64: 0xaa64 } },
};

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

function* problemsOf(file: string, target: string): Generator<string> {
  const [os, cpu, libc] = target.split('-') as [keyof typeof FORMATS, 'x64' | 'arm64', string | undefined];
  const bytes = readFileSync(file);
  const { magic, at, cpus } = FORMATS[os];
  const start = os === 'win32' ? bytes.readUInt32LE(60) : 0;
  if (!magic.every((byte, i) => bytes[i] === byte) || bytes.readUInt16LE(start + at) !== cpus[cpu]) {
    yield `is not built for ${target}`;
  } else if (libc === 'gnu') {
    const versions = execFileSync('readelf', ['--version-info', '--wide', file], { encoding: 'utf8' });
    const needed = [...versions.matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, version = '']) => version);
    const newer = new Set(needed.filter((version) => isNewer(version, GLIBC_FLOOR)));
    if (newer.size > 0) yield `needs glibc ${[...newer].join(', ')}; it may need ${GLIBC_FLOOR}`;
  } else if (os === 'darwin') {
    yield* machOProblems(file, cpu);
  }
}

/** Returns the problems of a binary in the package for `target`. */
export function checkBinary(tarball: string, path: string, target: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'shareable-check-'));
  try {
    execFileSync('tar', ['--extract', '--gzip', '--file', tarball, '--directory', folder, `package/${path}`]);
    return [...problemsOf(join(folder, 'package', path), target)].map((problem) => `${target}: ${path} ${problem}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
