/** The programs of examples/tutorial about managers, owners and typed arrays run, and print what they are there to show. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { processLimit } from '../support/limits.ts';
import { platform } from '../support/platform.ts';
import { exists } from '../support/segments.ts';

function path(program: string): string {
  return fileURLToPath(new URL(`../../examples/tutorial/${program}`, import.meta.url));
}

function run(program: string): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, [path(program)], { encoding: 'utf8', timeout: processLimit() });
}

test.skipIf(!platform.hasPosixCommands)('two processes sum a list of 2,000 numbers in the scope of a manager', () => {
  expect(run('manager.ts')).toMatchObject({ status: 0, stderr: '', stdout: '499500 + 1499500 = 1999000\n' });
});

test.skipIf(!platform.hasPosixCommands)(
  'a list that is never closed is unlinked, with a warning that names it and the line that created it',
  () => {
    const { status, stdout, stderr } = run('unclosed-list.ts');
    const [, name = ''] = /^ShareableList\(\['howdy', -273\.154, 100, true\], name='(.*)'\)$/m.exec(stdout) ?? [];
    expect([status, exists(name)]).toEqual([0, false]);
    const lines = readFileSync(path('unclosed-list.ts'), 'utf8').split('\n');
    const line = lines.findIndex((text) => text.includes('ShareableList.create')) + 1;
    expect(stderr).toMatch(
      /^resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown: /,
    );
    expect(stderr).toContain(name);
    expect(stderr).toContain(`unclosed-list.ts:${line}:`);
  },
);

test.skipIf(!platform.hasPosixCommands)('a worker fills a million numbers, as on the first page of the site', () => {
  expect(run('fill.ts')).toMatchObject({ status: 0, stderr: '', stdout: '42\n' });
});

test.skipIf(!platform.hasPosixCommands)('a child doubles a typed array in place', () => {
  expect(run('doubled-array.ts')).toMatchObject({ status: 0, stderr: '', stdout: '2 2 4 6 10 16\n' });
});
