/** The programs and lines of docs/python.md and the README run with every CPython from 3.9 on, and do what they promise. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { processLimit } from '../support/limits.ts';
import { exists, freshName } from '../support/segments.ts';
import { pythonsWithLists } from './support/pythons.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/python.md'), 'utf8');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The named files in the page: a first line such as `# child.py`. */
const files = new Map(
  [...page.matchAll(/^```(?:ts|python)\n(?:\/\/|#) (\S+)\n(.*?)^```$/gms)].map(([, name = '', code = '']) => [
    name,
    code,
  ]),
);

/** The two lines that keep CPython's tracker from destroying a segment, as both pages have them. */
const [lines = '', linesOfReadme = ''] = [page, readme].map((text) => {
  const block = /^ *from multiprocessing import resource_tracker\n *resource_tracker\.unregister\(.*\)/m.exec(
    text,
  )?.[0];
  return (block ?? '').replaceAll(/^ +/gm, '');
});

test('both pages have the same two lines', () => {
  expect(lines.split('\n')).toHaveLength(2);
  expect(linesOfReadme).toBe(lines);
});

describe.each(pythonsWithLists)('with Python $version', (python) => {
  const run = async (code: string, ...args: string[]) => promisify(execFile)(python.path, ['-c', code, ...args]);
  const attach = 'import sys\nfrom multiprocessing import shared_memory\n';
  const segment = `${attach}shm = shared_memory.SharedMemory(sys.argv[1])\n`;
  const list = `${attach}shm = shared_memory.ShareableList(name=sys.argv[1]).shm\n`;

  test.each([
    ['a segment', segment],
    ['a list', list],
  ])('the two lines keep %s when the process that attached to it exits', async (_, code) => {
    using items = ShareableList.create([1], { name: freshName() });
    const { stderr } = await run(code + lines, items.name);
    expect([exists(items.name), stderr]).toEqual([true, '']);
  });

  test('without them the segment is destroyed', async () => {
    using shm = SharedMemory.create(8, { name: freshName() });
    await run(segment, shm.name);
    expect(exists(shm.name)).toBe(false);
  });

  test.runIf(python.minor >= 13)('track=False keeps it too', async () => {
    using shm = SharedMemory.create(8, { name: freshName() });
    const line = /^shm = shared_memory\.SharedMemory\(name, track=False\)$/m.exec(page)?.[0] ?? '';
    await run(`${attach}name = sys.argv[1]\n${line}`, shm.name);
    expect(exists(shm.name)).toBe(true);
  });

  test.each([
    ['parent.ts', 'child.py'],
    ['matrix.ts', 'matrix.py'],
  ])('the program %s with %s prints what its comment says', async (program, script) => {
    // Inside the package, so that the program finds `shareable` as a user's would.
    const folder = await mkdtemp(join(import.meta.dirname, 'docs-'));
    try {
      for (const name of [program, script]) await writeFile(join(folder, name), files.get(name) ?? '');
      await symlink(python.path, join(folder, 'python3'));
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
        cwd: folder,
        env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
        timeout: processLimit(),
      });
      const promised = /^console\.log.*\/\/ (.*)$/m.exec(files.get(program) ?? '')?.[1];
      expect([stdout.trim(), stderr]).toEqual([promised, '']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
