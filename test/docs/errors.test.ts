/** docs/errors.md names every error class and every code, and no others. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as shareable from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');

/** The first cells of the rows of the tables below a heading. */
function rows(heading: string): string[] {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const [tables = ''] = section.split('\n## ');
  return [...tables.matchAll(/^\| `(\w+)`/gm)].map(([, cell]) => cell as string);
}

const documented = [
  rows('Codes for wrong arguments'),
  rows('Codes of the operating system'),
  rows('Codes of this package'),
  rows('Codes of the command line'),
].flat();

/** The codes in the package's sources: those of its own errors, and those that it gives where the system tells none. */
function codesInSources(): Set<string> {
  const files = globSync('packages/shareable/src/**/*.ts', { cwd: root });
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const own = text.matchAll(/'(ERR_(?:SHM_|INVALID_ARG_|OUT_OF_)\w+|ABORT_ERR)'/g);
  const errors = readFileSync(join(root, 'packages/shareable/src/errors.ts'), 'utf8');
  const ofSystem = errors.matchAll(/'(E[A-Z]+)'/g);
  return new Set([...own, ...ofSystem].map(([, code]) => code as string));
}

describe('docs/errors.md', () => {
  test('names every error class that the package exports', () => {
    const classes = Object.values(shareable)
      .filter((value) => typeof value === 'function' && value.prototype instanceof Error)
      .map((value) => (value as { name: string }).name);
    expect(rows('Classes').toSorted()).toEqual(classes.toSorted());
  });

  test('gives no code twice', () => {
    expect(documented.filter((code, i) => documented.indexOf(code) !== i)).toEqual([]);
  });

  // The sources are not beside the tests on other platforms.
  test.skipIf(!platform.hasShmFolder)('gives cause and remedy of every code in the sources', () => {
    expect([...codesInSources()].filter((code) => !documented.includes(code))).toEqual([]);
  });

  test.skipIf(!platform.hasShmFolder)('gives no code of this package that the sources do not have', () => {
    const sources = codesInSources();
    expect(documented.filter((code) => code.startsWith('ERR_') && !sources.has(code))).toEqual([]);
  });
});
