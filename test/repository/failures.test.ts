/** What the gate says of a test that fails because a child process has ended. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const DEATH = `Error: repository/dies.mjs ended by SIGKILL, while it was asked 'die'
  its standard error:
the reason of its end
  its standard output:
the last line of output
`;

/** Runs the failing tests, and returns what the gate prints of each, by the test's name. */
async function failures(): Promise<Map<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'test-failures-'));
  try {
    const config = join(import.meta.dirname, 'fixtures/failing/vitest.config.ts');
    const reports = ['--reporter=json', `--outputFile=${join(folder, 'results.json')}`];
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', `--config=${config}`, ...reports];
    await promisify(execFile)(process.execPath, vitest, { env: { ...process.env, VITEST: undefined } }).catch(() => {});
    const count = await promisify(execFile)(process.execPath, [join(root, 'scripts/gate/count.mjs'), folder]);
    expect(count.stdout).toBe('0 3\n');
    const parts = count.stderr.split(/^.*\/failing\/tests\.ts: /m).slice(1);
    return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the gate shows which child ended and how, what it wrote, and first of all what failed in the test', async () => {
  const found = await failures();
  expect([...found.keys()]).toHaveLength(3);
  // Once, although both the request and the end of the scope fail by it.
  const asked = found.get('asks a child that dies') ?? '';
  expect(asked.startsWith(DEATH)).toBe(true);
  expect(asked.split(DEATH)).toHaveLength(2);
  const both = found.get('fails by itself, and then its child dies') ?? '';
  expect(both).toMatch(/^AssertionError: expected 'what the test found' to be 'what it wanted'/);
  expect(both.split(DEATH)).toHaveLength(2);
  expect(found.get('asks a child that takes too long')).toMatch(
    /^Error: repository\/dies\.mjs ended by SIGKILL, after the [\d.]+ s that it may take, while it was asked 'hang'\n/,
  );
  expect([...found.values()].join()).not.toContain('SuppressedError');
});
