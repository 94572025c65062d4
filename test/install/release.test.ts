/** The way to a release, in a copy of the repository: `pnpm run release:version` from the changesets that lie there. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readManifest, root, targets } from '../../scripts/pack.ts';
import type { Outcome } from './support/programs.ts';
import { run } from './support/programs.ts';
import { Folder } from './support/project.ts';

const folder = new Folder();
const copy = join(folder.path, 'repository');
let before: string;

/** Runs a script of the repository as pnpm does, which itself would first install there. */
function runScript(name: string): Promise<Outcome> {
  const { scripts } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const path = [join(root, 'node_modules/.bin'), join(root, 'test/node_modules/.bin'), process.env['PATH']].join(':');
  return run(['sh', '-c', scripts[name] ?? 'false'], { cwd: copy, env: { ...process.env, PATH: path } });
}

beforeAll(async () => {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root });
  for (const file of files.toString().split('\0')) {
    if (file === '' || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  before = readManifest(join(copy, 'packages/shareable')).version;
  // There is one whenever this runs, also right after a release.
  writeFileSync(join(copy, '.changeset/one-more.md'), "---\n'shareable': minor\n---\n\nA change that is told of.\n");
  const { code, stdout, stderr } = await runScript('release:version');
  if (code !== 0) throw new Error(`pnpm run release:version ended with ${code}:\n${stdout}${stderr}`);
}, 60_000);

afterAll(() => folder[Symbol.dispose]());

test("all packages get the next version and depend on each other's", () => {
  const [major, minor] = before.split('.').map(Number) as [number, number];
  const folders = ['packages/shareable', ...targets.map((target) => `packages/shareable/npm/${target}`)];
  const versions = folders.map((path) => readManifest(join(copy, path)).version);
  expect(versions).toEqual(folders.map(() => `${major}.${minor + 1}.0`));
  const { optionalDependencies = {} } = readManifest(join(copy, 'packages/shareable'));
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set(['workspace:*']));
});

test('the changelog has every change, and the changesets are removed', () => {
  const changelog = readFileSync(join(copy, 'packages/shareable/CHANGELOG.md'), 'utf8');
  const texts = globSync('.changeset/*.md', { cwd: root });
  for (const file of texts) {
    const [, first = ''] = /---\n[^]*?---\n\n(.+)/.exec(readFileSync(join(root, file), 'utf8')) ?? [];
    expect(changelog).toContain(first);
  }
  expect(changelog).toContain('A change that is told of.');
  expect(globSync('.changeset/*.md', { cwd: copy })).toEqual([]);
});

test('the crates get the same version, and a crate with another one is found', async () => {
  expect(await runScript('lint:versions')).toMatchObject({ code: 0 });
  const path = join(copy, 'Cargo.toml');
  const toml = readFileSync(path, 'utf8');
  writeFileSync(path, toml.replace(/(\[workspace\.package\]\nversion = ")[^"]+/, '$19.9.9'));
  const { code, stderr } = await runScript('lint:versions');
  expect(code).not.toBe(0);
  expect(stderr).toContain('Cargo.toml has the version 9.9.9');
});
