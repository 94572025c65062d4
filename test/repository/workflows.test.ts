/** The workflows name scripts and files that exist, and versions of actions that fit together and to the runners. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const files = globSync('.github/{workflows/*.yml,actions/*/action.yml}', { cwd: root }).toSorted();
const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

/** The first versions of the actions that run on Node 24. Runners have had no Node 20 since September 2026. */
const FIRST_ON_NODE_24: Readonly<Record<string, number>> = {
  'actions/cache': 5,
  'actions/checkout': 6,
  'actions/deploy-pages': 5,
  'actions/download-artifact': 8,
  'actions/setup-node': 6,
  'actions/upload-artifact': 7,
  'actions/upload-pages-artifact': 5,
  'changesets/action/publish': 2,
  'changesets/action/select-mode': 2,
  'changesets/action/version': 2,
};

function manifest(folder: string): { scripts: Record<string, string>; devDependencies: Record<string, string> } {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

function release(job: string): string {
  const [, jobs = ''] = texts.get('.github/workflows/release.yml')?.split('\njobs:\n') ?? [];
  return new RegExp(String.raw`^  ${job}:\n(.*?)(?=^  \w+:\n|$(?![^]))`, 'ms').exec(jobs)?.[1] ?? '';
}

test('there are workflows to check', () => {
  expect(files.filter((file) => file.includes('/workflows/')).length).toBeGreaterThanOrEqual(3);
});

describe.each(files)('%s', (file) => {
  const text = texts.get(file) ?? '';

  test('uses actions that run on Node 24', () => {
    const uses = Array.from(text.matchAll(/uses: ([\w/-]+)@v(\d+)$/gm), ([, action = '', version]) => ({
      action,
      version,
    }));
    const old = uses.filter(({ action, version }) => !(Number(version) >= (FIRST_ON_NODE_24[action] ?? Infinity)));
    expect(old).toEqual([]);
    expect(Array.from(text.matchAll(/uses: (?!\.\/)\S+/g))).toHaveLength(uses.length);
  });

  test('runs scripts and programs that exist', () => {
    const scripts = Array.from(text.matchAll(/pnpm run ([\w:-]+)/g), ([, name]) => name as string);
    expect(scripts.filter((name) => !(name in manifest('.').scripts))).toEqual([]);
    const programs = Array.from(
      text.matchAll(/(?:node|bash) ((?:scripts|test|\.ci)\/[\w./-]+)/g),
      ([, path]) => path as string,
    );
    expect(programs.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const local = Array.from(text.matchAll(/uses: (\.\/\S+)/g), ([, path]) => path as string);
    expect(local.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

test('the changesets action 2 works with the CLI 3 of the lock file', () => {
  expect(manifest('.').devDependencies['@changesets/cli']).toMatch(/^3\./);
});

test('the job that publishes can prove who it is, can push tags, and has an identity for them', () => {
  const job = release('publish');
  expect(job).toMatch(/id-token: write/);
  expect(job).toMatch(/contents: write/);
  expect(job).toMatch(/git config user\.email/);
  expect(job).toMatch(/publishes: true/);
});

test('the checks of the release pull request are started, and may be', () => {
  const job = release('version');
  expect(job).toMatch(/actions: write/);
  expect(job).toMatch(/gh workflow run ci\.yml --ref "changeset-release\/\$GITHUB_REF_NAME"/);
  expect(texts.get('.github/workflows/ci.yml')).toMatch(/^ {2}workflow_dispatch:$/m);
});

test('the gate needs every other job of the workflow', () => {
  const text = texts.get('.github/workflows/ci.yml') ?? '';
  const [, jobs = ''] = text.split('\njobs:\n');
  const names = Array.from(jobs.matchAll(/^ {2}([\w-]+):$/gm), ([, name]) => name as string);
  const [, needs = ''] = /^ {4}needs: \[(lint[^\]]*)\]$/m.exec(jobs) ?? [];
  expect(needs.split(', ').toSorted()).toEqual(names.filter((name) => name !== 'gate').toSorted());
});
