import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { processLimit } from '../support/limits.ts';

test('ten processes that increment five items a hundred times make exactly 1,000 of each', async () => {
  const program = fileURLToPath(new URL('../../examples/tutorial/lock.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: processLimit() });
  const thousands = '1000 1000 1000 1000 1000';
  expect(stdout).toBe(`with a lock: ${thousands}\nwith add:    ${thousands}\n`);
  expect(stderr).toBe('');
});
