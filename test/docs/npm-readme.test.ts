/** What npm shows of the main package: its README without the repository around it, and the fields of its manifest. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { absolute, repositoryUrl, siteUrl } from '../../scripts/home.ts';
import type { Packed } from '../../scripts/pack.ts';
import { packMain } from '../../scripts/pack.ts';
import { platform } from '../support/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'shareable-readme-'));
let packed: Packed;
let readme: string;

beforeAll(() => {
  if (!platform.hasPosixCommands) return;
  packed = packMain(folder);
  readme = execFileSync('tar', ['--extract', '--gzip', '--to-stdout', '--file', packed.tarball, 'package/README.md'], {
    encoding: 'utf8',
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(!platform.hasPosixCommands)('every link and picture of the README on npm is absolute', () => {
  const links = Array.from(readme.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link as string);
  expect(links.filter((link) => !link.startsWith('https://'))).toEqual([]);
  expect(links).toContain(`${siteUrl}lifetime`);
  expect(links).toContain(`${repositoryUrl}/raw/main/docs/bench/hand-over.svg`);
});

test.skipIf(!platform.hasPosixCommands)(
  'the README on npm has the example, and not the commands of the repository',
  () => {
    expect(readme).toContain('// sum.mts');
    expect(readme).not.toContain('## The demo and the tests');
    expect(readme).toMatch(/## License\n\n\[MIT\]/);
  },
);

test.skipIf(!platform.hasPosixCommands)(
  'the packed manifest names the repository, the site and the place for bugs',
  () => {
    expect(packed.manifest).toMatchObject({
      homepage: siteUrl,
      bugs: `${repositoryUrl}/issues`,
      repository: { type: 'git', url: `git+${repositoryUrl}.git`, directory: 'packages/shareable' },
    });
  },
);

test('a link to a file that does not exist is an error, and one to a place keeps its place', () => {
  expect(() => absolute('README.md', 'docs/no-such-page.md')).toThrow(/does not exist/);
  expect(absolute('docs/manager.md', 'platforms.md#memory-and-processes')).toBe(
    `${siteUrl}platforms#memory-and-processes`,
  );
  expect(absolute('docs/views.md', '../examples/tutorial/serve.ts')).toBe(
    `${repositoryUrl}/blob/main/examples/tutorial/serve.ts`,
  );
});
