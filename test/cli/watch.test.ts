/** `shareable ls --watch`, on a terminal and into a pipe. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { SharedMemory } from 'shareable';
import { describe, expect, inject, test } from 'vitest';

import { bin, shareable } from '../support/cli.ts';
import { platform } from '../support/platform.ts';
import { runPython } from '../support/python.ts';
import { freshName } from '../support/segments.ts';

const python = inject('pythons').at(-1);

interface Screen {
  lines: string[];
  cursor: boolean;
  overflow: boolean;
}

const count = (lines: string[], text: string) => lines.filter((line) => line.includes(text)).length;

describe.skipIf(!platform.hasSweep || !platform.hasPseudoTerminals || python === undefined)(
  'shareable ls --watch, on a terminal',
  () => {
    test('redraws in place what comes and goes, and gives the terminal back on Ctrl-C', async () => {
      if (python === undefined) throw new Error('there is no Python');
      // Without any segment there is no table.
      using _kept = SharedMemory.create(64, { name: freshName() });
      await using child = runPython(python, 'cli/watch.py');
      await child.ask('start', [process.execPath, bin, 'ls', '--watch'], 60);
      const first = await child.ask<Screen>('see', 'NAME', true);
      expect(first.cursor).toBe(false);
      const name = freshName();
      const shm = SharedMemory.create(64, { name });
      const second = await child.ask<Screen>('see', name, true);
      expect([count(second.lines, 'NAME'), count(second.lines, name)]).toEqual([1, 1]);
      shm[Symbol.dispose]();
      const third = await child.ask<Screen>('see', name, false);
      expect([count(third.lines, 'NAME'), count(third.lines, name)]).toEqual([1, 0]);
      const { code, lines, cursor } = await child.ask<Screen & { code: number }>('end', '\u0003');
      // The last list stays on the terminal; the signal ends the program, as a shell expects.
      expect({ code, cursor, headings: count(lines, 'NAME') }).toEqual({ code: -2, cursor: true, headings: 1 });
    });

    test('leaves out what does not fit, so that it never scrolls', async () => {
      if (python === undefined) throw new Error('there is no Python');
      await using child = runPython(python, 'cli/watch.py');
      const stack = new DisposableStack();
      for (let i = 0; i < 12; i++) stack.use(SharedMemory.create(64, { name: freshName() }));
      await child.ask('start', [process.execPath, bin, 'ls', '-w'], 8);
      const { lines, overflow } = await child.ask<Screen>('see', 'more lines', true);
      expect({ rows: lines.length, overflow }).toEqual({ rows: 8, overflow: false });
      stack.dispose();
      await child.ask('end', '\u0003');
    });

    test('shows the list on a terminal that does not know its size', async () => {
      if (python === undefined) throw new Error('there is no Python');
      using _kept = SharedMemory.create(64, { name: freshName() });
      await using child = runPython(python, 'cli/watch.py');
      await child.ask('start', [process.execPath, bin, 'ls', '-w'], 0);
      const { lines } = await child.ask<Screen>('see', 'NAME', true);
      expect(count(lines, 'NAME')).toBe(1);
      await child.ask('end', '\u0003');
    });
  },
);

describe.skipIf(!platform.hasSweep)('shareable ls --watch, into a pipe', () => {
  test('prints a line of JSON at first and at each change', async () => {
    const child = spawn(process.execPath, [bin, 'ls', '--watch', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const name = freshName();
    const seen: boolean[] = [];
    let shm: SharedMemory | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const { version, segments } = JSON.parse(line) as { version: number; segments: { name: string }[] };
      expect(version).toBe(1);
      const isThere = segments.some((segment) => segment.name === name);
      // Other programs on the machine may make the list change too.
      if (seen.at(-1) !== isThere) seen.push(isThere);
      if (seen.length === 1) shm ??= SharedMemory.create(64, { name });
      if (seen.length === 2) shm?.[Symbol.dispose]();
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([false, true, false]);
    child.kill();
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  test('ends when the reader closes the pipe', async () => {
    const child = spawn(process.execPath, [bin, 'ls', '--watch'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    using _change = SharedMemory.create(64, { name: freshName() });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('is explained by the help', async () => {
    expect((await shareable(['ls', '--help'])).stdout).toMatch(/^usage: shareable ls \[--watch\].*-w, --watch /s);
  });
});
