/** However a process ends, what it owned is unlinked, and one line on standard error tells of it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { until } from '../support/until.ts';
import { childrenOf, helperOf, isAlive } from '../support/processes.ts';
import { warningsIn } from '../support/warning.ts';

const FIXTURE = 'tracker/owner.ts';

/** Where a fixture calls what creates a segment: `file:line:column`, as V8 tells it. */
function placeOf(file: string, text: string): string {
  const lines = readFileSync(new URL(`fixtures/${file}`, import.meta.url), 'utf8').split('\n');
  const line = lines.findIndex((candidate) => candidate.includes(text));
  return `${file}:${line + 1}:${(lines[line] ?? '').indexOf(text) + text.indexOf('create') + 1}`;
}

interface Ending {
  title: string;
  /** What the platform must have. */
  needs?: keyof typeof platform;
  /** Makes the owner end; a request to it may stay without an answer. */
  end: (owner: Child) => Promise<unknown>;
  code?: number;
  signal?: NodeJS.Signals;
  /** A command to start the owner by. */
  through?: string[];
}

/** Ends a process and all that it has started, as the task manager of Windows does with a tree. */
async function endTree({ process: { pid = 0 } }: Child): Promise<void> {
  await promisify(execFile)('taskkill', ['/PID', String(pid), '/T', '/F']);
}

/** Asks for something that ends the process before it can answer. */
async function askInVain(owner: Child, command: string, ...args: unknown[]): Promise<void> {
  await expect(owner.ask(command, ...args)).rejects.toThrow('ended');
}

const endings: Ending[] = [
  { title: 'the end of a program that disposes of nothing', end: async (owner) => owner.process.disconnect(), code: 0 },
  { title: 'process.exit()', end: (owner) => askInVain(owner, 'exitInScope', freshName()), code: 100 },
  { title: 'an exception that nobody catches', end: (owner) => owner.ask('throwUncaught'), code: 1 },
  { title: 'a rejection that nobody handles', end: (owner) => owner.ask('rejectUnhandled'), code: 1 },
  { title: 'SIGTERM', end: (owner) => owner.kill('SIGTERM'), signal: 'SIGTERM' },
  { title: 'SIGINT', end: (owner) => owner.kill('SIGINT'), signal: 'SIGINT' },
  { title: 'SIGHUP', needs: 'hasSignals', end: (owner) => owner.kill('SIGHUP'), signal: 'SIGHUP' },
  { title: 'SIGKILL', end: (owner) => owner.kill('SIGKILL'), signal: 'SIGKILL' },
  {
    title: 'SIGKILL to its whole process group',
    needs: 'hasSignals',
    end: async ({ process: { pid = 0 } }) => process.kill(-pid, 'SIGKILL'),
    signal: 'SIGKILL',
    through: ['setsid'],
  },
  {
    title: 'abort()',
    needs: 'hasPosixCommands',
    end: (owner) => askInVain(owner, 'abort'),
    signal: 'SIGABRT',
    through: ['sh', '-c', 'ulimit -c 0 && exec "$@"', 'sh'],
  },
];

describe('a process that owns segments and ends by', () => {
  test.each(endings.filter(({ needs }) => needs === undefined || platform[needs]))(
    '$title leaves none, with a warning that names each',
    async ({ end, code, signal, through = [] }) => {
      await using owner = forkFixture(FIXTURE, { through });
      const names = await owner.ask<string[]>('own', 3);
      expect(names.every(exists)).toBe(true);
      await end(owner);
      expect(await owner.end()).toEqual({ code: code ?? null, signal: signal ?? null });
      expect(names.filter(exists)).toEqual([]);
      const place = placeOf('owner.ts', 'SharedMemory.create(100, { name: freshName()');
      const [warning, ...others] = warningsIn(owner.stderr);
      expect(others).toEqual([]);
      expect(warning?.leaks).toEqual(expect.arrayContaining(names.map((name) => ({ name, size: 100, place }))));
      expect(warning?.count).toBe(warning?.leaks.length);
    },
  );

  test('process.exit() inside of a using scope leaves what that scope would have unlinked to the tracker', async () => {
    await using owner = forkFixture(FIXTURE);
    const name = freshName();
    await askInVain(owner, 'exitInScope', name);
    await owner.end();
    expect(exists(name)).toBe(false);
    expect(warningsIn(owner.stderr)).toEqual([
      { count: 1, leaks: [{ name, size: 100, place: placeOf('owner.ts', 'SharedMemory.create(100, { name });') }] },
    ]);
  });
});

describe.skipIf(!platform.hasTaskkill)(
  'a process that owns segments and is killed with all that it has started',
  () => {
    test('leaves no segment', async () => {
      await using owner = forkFixture(FIXTURE);
      const names = await owner.ask<string[]>('own', 3);
      expect(names.every(exists)).toBe(true);
      await endTree(owner);
      await owner.end();
      // The system removes them, or the tracker if the command has not reached it yet.
      await until(() => !names.some(exists));
    });
  },
);

describe('a worker that is terminated', () => {
  test('leaves its segments to the process, whose end unlinks them with a warning', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('ownInTerminatedWorker', 2);
    expect(names.filter(exists)).toEqual(names);
    owner.process.disconnect();
    expect(await owner.end()).toEqual({ code: 0, signal: null });
    expect(names.filter(exists)).toEqual([]);
    const [warning] = warningsIn(owner.stderr);
    expect(warning?.leaks.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect(warning?.leaks[0]?.place).toMatch(/^worker\.ts:\d+:\d+$/);
  });
});

describe.skipIf(!platform.listsProcesses)('a program that disposes of everything', () => {
  test('ends without output, and so does its helper', async () => {
    let helper: number;
    let names: string[];
    {
      await using owner = forkFixture(FIXTURE);
      names = await owner.ask('createInScope');
      helper = helperOf(owner.process.pid);
      owner.process.disconnect();
      expect(await owner.end()).toEqual({ code: 0, signal: null });
      expect(owner.stderr).toBe('');
    }
    expect(names.filter(exists)).toEqual([]);
    await until(() => !isAlive(helper));
  });

  test('has no helper while it owns nothing', async () => {
    await using other = forkFixture(FIXTURE);
    const [name = ''] = await other.ask<string[]>('own', 1, { track: false });
    await other.ask('attach', name);
    await other.ask('unlink', name);
    expect(childrenOf(other.process.pid ?? 0)).toEqual([]);
  });
});
