/**
 * The installed package in bundles, single executables and sandboxes. `test/verify/loaders` runs the larger tools, at night.
 */
import { copyFileSync, cpSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { nodes } from '../support/nodes.ts';
import { npm } from './support/managers.ts';
import type { Outcome } from './support/programs.ts';
import { bun, deno, isolated, packageFolder, run } from './support/programs.ts';
import { Folder, install } from './support/project.ts';
import { here, pack, startRegistry } from './support/registry.ts';

const project = new Folder();
const node = process.execPath;
const platformPackage = join(project.path, 'node_modules/@shareable', here);
let bundles: Folder;

beforeAll(async () => {
  using packages = new Folder();
  await using registry = await startRegistry(pack(packages.path));
  await install(npm, project.path, registry);
  cpSync(join(project.path, 'bundled'), project.path, { recursive: true });
}, 90_000);

afterAll(() => project[Symbol.dispose]());

beforeEach(() => {
  bundles = new Folder();
  return () => bundles[Symbol.dispose]();
});

/** Runs a program as a user would, and fails if it does not end well. */
async function succeed(command: string[], cwd: string = project.path): Promise<string> {
  const { code, stdout, stderr } = await run(command, { cwd, env: isolated(bundles.path) });
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

/** Runs a bundle where the project's packages are out of reach. */
async function runAway(command: string[]): Promise<Outcome> {
  const away = `${project.path}-away`;
  renameSync(project.path, away);
  try {
    return await run(command, { cwd: bundles.path, env: isolated(bundles.path) });
  } finally {
    renameSync(away, project.path);
  }
}

const rolldown = join(packageFolder('rolldown'), 'bin/cli.mjs');
const esbuild = join(packageFolder('esbuild'), 'bin/esbuild');

const forNode = ['--bundle', '--platform=node', '--log-level=warning'];

/** Each tool with no configuration but its platform and format. */
const tools: [name: string, output: string, command: (output: string) => string[]][] = [
  [
    'esbuild, cjs',
    'out.cjs',
    (output) => [node, esbuild, 'main.mjs', '--format=cjs', ...forNode, `--outfile=${output}`],
  ],
  [
    'esbuild, esm',
    'out.mjs',
    (output) => [node, esbuild, 'main.mjs', '--format=esm', ...forNode, `--outfile=${output}`],
  ],
  [
    'esbuild, esm, --minify',
    'out.mjs',
    (output) => [node, esbuild, 'main.cjs', '--format=esm', '--minify', ...forNode, `--outfile=${output}`],
  ],
  ['rolldown, cjs', 'out.cjs', (output) => [node, rolldown, 'main.mjs', '-p', 'node', '-f', 'cjs', '-o', output]],
  ['rolldown, esm', 'out.mjs', (output) => [node, rolldown, 'main.mjs', '-p', 'node', '-f', 'esm', '-o', output]],
];

describe.each(tools)('%s', (_, output, command) => {
  test('bundles it without a warning, and the bundle works beside the packages', async () => {
    const bundle = join(project.path, output);
    const text = await succeed(command(bundle));
    expect(text).not.toMatch(/warn|error/i);
    expect(await succeed([node, bundle])).toBe('it works\n');
  });

  test('without the packages, the bundle says what to do, and works once that is done', async () => {
    const bundle = join(bundles.path, output);
    await succeed(command(bundle));
    const { code, stderr } = await runAway([node, bundle]);
    expect(code).toBe(1);
    expect(stderr).toContain(`the bundle ${bundle} finds no binaries of shareable: @shareable/${here} is in no`);
    expect(stderr).toContain('--external:shareable');
    copyBinaries();
    expect(await runAway([node, bundle])).toEqual({ code: 0, stdout: 'it works\n', stderr: '' });
  });
});

/** Copies the addon and the helper beside the bundle. */
function copyBinaries(): void {
  for (const file of readdirSync(platformPackage).filter((name) => name.startsWith('shareable')))
    copyFileSync(join(platformPackage, file), join(bundles.path, file));
}

test('a bundle refuses binaries of another version', async () => {
  const bundle = join(bundles.path, 'out.cjs');
  await succeed([node, esbuild, 'main.mjs', '--format=cjs', ...forNode, `--outfile=${bundle}`]);
  copyBinaries();
  writeFileSync(join(bundles.path, 'package.json'), JSON.stringify({ version: '99.0.0' }));
  const { stderr } = await runAway([node, bundle]);
  expect(stderr).toMatch(/is of version 99\.0\.0, and this is shareable/);
});

test.skipIf(bun.isMissing)('bun build --compile works, with the binaries beside the executable', async () => {
  const program = join(bundles.path, 'program');
  await succeed([...bun.command, 'build', 'main.mjs', '--compile', '--outfile', program]);
  expect((await runAway([program])).stderr).toContain('finds no binaries of shareable');
  copyBinaries();
  expect(await runAway([program])).toEqual({ code: 0, stdout: 'it works\n', stderr: '' });
});

test.skipIf(deno.isMissing)('Deno runs it with the permissions of docs/loading.md', async () => {
  const permissions = [
    '--allow-ffi=node_modules/@shareable',
    '--allow-read=node_modules',
    '--allow-env=SHAREABLE_ADDON,SHAREABLE_HELPER,SHAREABLE_LEAKS,SHAREABLE_CALL_SITE,NODE_DEBUG',
  ];
  const flags = ['run', '--no-prompt', '--node-modules-dir=manual', ...permissions];
  expect(await succeed([...deno.command, ...flags, 'main.mjs'])).toBe('it works\n');
});

describe.each(nodes.filter(({ path }) => path !== undefined))('Node $major', ({ major, path = '' }) => {
  test('runs it with --permission, --allow-addons and the right to read the packages', async () => {
    const flag = major < 22 ? '--experimental-permission' : '--permission';
    const flags = [flag, '--allow-addons', `--allow-fs-read=${project.path}`, '--no-warnings'];
    expect(await succeed([path, ...flags, join(project.path, 'main.mjs')])).toBe('it works\n');
  });

  test('has one copy of the classes, imported or required', async () => {
    expect(await succeed([path, join(project.path, 'one-copy.mjs')])).toBe('one copy\n');
  });
});
