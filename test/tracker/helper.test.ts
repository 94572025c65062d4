/** The helper process: one beside each process that owns segments, hard to kill, and replaced when it is. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SharedMemory } from 'shareable';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { until } from '../support/until.ts';
import { childrenOf, filesOf, helperOf, helperPath, ignores, isAlive, sessionOf } from '../support/processes.ts';
import { warningsIn } from '../support/warning.ts';

const FIXTURE = 'tracker/owner.ts';

describe.skipIf(!platform.listsProcesses)('the helper', () => {
  test('is one per process, for any number of workers that own segments', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('ownInWorkers', 4, 5);
    names.push(...(await owner.ask<string[]>('own', 5)));
    expect(names.filter(exists)).toHaveLength(25);
    helperOf(owner.process.pid);
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 25 }]);
  });

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)(
    'does not mistake a closed socket for the end of its process',
    async () => {
      await using owner = forkFixture(FIXTURE);
      expect(await owner.ask('closeTrackersSocket')).toBe(1);
      const helper = helperOf(owner.process.pid);
      // It has heard of the end, and looks at nothing but the process from then on.
      await until(() => Object.values(filesOf(helper)).includes('anon_inode:[pidfd]'));
      const [name = ''] = await owner.ask<string[]>('held');
      expect([exists(name), isAlive(helper)]).toEqual([true, true]);
      await owner.kill();
      expect(exists(name)).toBe(false);
      expect(warningsIn(owner.stderr)).toMatchObject([{ count: 1, leaks: [{ name }] }]);
    },
  );

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)(
    'still learns of every segment after its process has closed the socket by mistake',
    async () => {
      await using owner = forkFixture(FIXTURE);
      await owner.ask('closeTrackersSocket');
      const first = helperOf(owner.process.pid);
      const [second = ''] = await owner.ask<string[]>('own', 1);
      expect(helperOf(owner.process.pid)).toBe(first);
      const names = await owner.ask<string[]>('held');
      expect([names.length, names.includes(second), names.every(exists)]).toEqual([2, true, true]);
      await owner.kill();
      expect(names.some(exists)).toBe(false);
      expect(warningsIn(owner.stderr)).toMatchObject([{ count: 2 }]);
    },
  );

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)('leads a session of its own', async () => {
    await using owner = forkFixture(FIXTURE);
    await owner.ask('own', 1);
    const helper = helperOf(owner.process.pid);
    expect(sessionOf(helper)).toBe(helper);
    await owner.kill();
  });

  test
    .skipIf(!platform.hasProc || !platform.shieldsTracker)
    .each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGPIPE', 'SIGIO'] as const)('survives %s', async (signal) => {
    await using owner = forkFixture(FIXTURE);
    const [name = ''] = await owner.ask<string[]>('own', 1);
    const helper = helperOf(owner.process.pid);
    await until(() => ignores(helper, signal));
    process.kill(helper, signal);
    expect(await owner.ask('own', 1)).toSatisfy(([second]: string[]) => exists(second ?? ''));
    expect(helperOf(owner.process.pid)).toBe(helper);
    await owner.kill();
    expect(exists(name)).toBe(false);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 2 }]);
  });

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)(
    'inherits no descriptor of its process except standard error',
    async () => {
      const withFiles = ['sh', '-c', 'exec 7</dev/null 8>/dev/null 9</etc/hostname && exec "$@"', 'sh'];
      await using owner = forkFixture(FIXTURE, { through: withFiles });
      await owner.ask('own', 1);
      const helper = helperOf(owner.process.pid);
      // A sweep has a file open now and then.
      await expect
        .poll(() => filesOf(helper))
        .toEqual({
          0: expect.stringMatching(/^socket:/),
          1: '/dev/null',
          2: filesOf(owner.process.pid ?? 0)['2'],
          3: expect.stringContaining('shareable-ledger'),
        });
      await owner.kill();
    },
  );

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)('does not keep a folder in use', async () => {
    await using owner = forkFixture(FIXTURE);
    await owner.ask('own', 1);
    const helper = helperOf(owner.process.pid);
    await expect.poll(() => readlinkSync(`/proc/${helper}/cwd`)).toBe('/');
    await owner.kill();
  });
});

describe.skipIf(!platform.listsProcesses)('a helper that is killed', () => {
  test('is replaced at the next creation by one that knows all segments', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('own', 3);
    const [forgotten = ''] = names;
    const first = helperOf(owner.process.pid);
    process.kill(first, 'SIGKILL');
    await until(() => !isAlive(first));
    await owner.ask('unlink', forgotten);
    names.push(...(await owner.ask<string[]>('own', 2)));
    expect(helperOf(owner.process.pid)).not.toBe(first);
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 4 }]);
  });

  test('repeatedly leaves no zombies', async () => {
    await using owner = forkFixture(FIXTURE);
    const killed: number[] = [];
    for (let round = 0; round < 5; round++) {
      await owner.ask('own', 1);
      const helper = helperOf(owner.process.pid);
      killed.push(helper);
      process.kill(helper, 'SIGKILL');
      await until(() => !isAlive(helper));
    }
    const names = await owner.ask<string[]>('own', 1);
    expect(new Set(killed).size).toBe(5);
    // Not even a zombie can be sent a signal once it was waited for.
    for (const helper of killed) expect(() => process.kill(helper, 0)).toThrow('ESRCH');
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 6 }]);
  });
});

describe.skipIf(!platform.listsProcesses || !platform.shieldsTracker)('a helper that is stopped', () => {
  test('never holds its process up, and learns of everything once it is continued', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('own', 1);
    const first = helperOf(owner.process.pid);
    process.kill(first, 'SIGSTOP');
    names.push(...(await owner.ask<string[]>('own', 3000)));
    expect(helperOf(owner.process.pid)).toBe(first);
    expect(names.filter(exists)).toHaveLength(3001);
    // The helper takes long to remove 3001 segments. The sweep of another process does not touch them as long as they are used.
    using attached = new DisposableStack();
    for (const name of names) attached.use(SharedMemory.attach(name));
    owner.process.once('exit', () => process.kill(first, 'SIGCONT'));
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 3001 }]);
  });

  test('continues where it was when it is continued', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('own', 2);
    const helper = helperOf(owner.process.pid);
    process.kill(helper, 'SIGSTOP');
    names.push(...(await owner.ask<string[]>('own', 2)));
    process.kill(helper, 'SIGCONT');
    names.push(...(await owner.ask<string[]>('own', 2)));
    expect(helperOf(owner.process.pid)).toBe(helper);
    expect(names.filter(exists)).toEqual(names);
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 6 }]);
  });

  test('cleans up when it is continued after the end of its process', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('own', 2);
    const helper = helperOf(owner.process.pid);
    process.kill(helper, 'SIGSTOP');
    owner.process.once('exit', () => process.kill(helper, 'SIGCONT'));
    await owner.kill();
    expect(names.filter(exists)).toEqual([]);
  });
});

/** How often the main thread of a process has slept; `Infinity` once it has ended. */
function sleepsOf({ pid, exitCode }: ChildProcess): number {
  if (exitCode !== null) return Infinity;
  return Number(/^voluntary_ctxt_switches:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe.skipIf(process.platform !== 'linux' || !platform.hasSweep)('a helper that is late', () => {
  test('reports what its process has left, though a sweep has found it before', async () => {
    await using owner = forkFixture(FIXTURE);
    const names = await owner.ask<string[]>('own', 2);
    const helper = helperOf(owner.process.pid);
    process.kill(helper, 'SIGSTOP');
    const sweepThen = async () => {
      await once(owner.process, 'exit');
      const sweeping = spawn(helperPath, ['sweep'], { stdio: 'ignore' });
      const end = once(sweeping, 'exit');
      // It sleeps for 5 ms at a time, and for 100 ms from one look at a segment to the next.
      await until(() => sleepsOf(sweeping) > 60);
      process.kill(helper, 'SIGCONT');
      await end;
    };
    await Promise.all([sweepThen(), owner.kill()]);
    expect(warningsIn(owner.stderr).flatMap(({ leaks }) => leaks.map(({ name }) => name))).toEqual(names);
    expect(names.filter(exists)).toEqual([]);
  });
});

describe.skipIf(!platform.listsProcesses)('a helper that cannot be started', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'shareable-helper-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const start = (path: string) => forkFixture(FIXTURE, { through: ['env', `SHAREABLE_HELPER=${path}`] });

  test.each([
    ['is missing', () => '/nonexistent/helper', 'ENOENT'],
    ['is a folder', () => folder, 'EACCES'],
    [
      'is no program',
      () => {
        const path = join(folder, 'text');
        writeFileSync(path, 'no program');
        return path;
      },
      'ENOEXEC',
    ],
  ])('because it %s makes create fail with the reason, and leaves nothing', async (_, make, code) => {
    const path = make();
    await using owner = start(path);
    const name = freshName();
    expect(await owner.ask('tryToOwn', name)).toEqual({
      name: 'SharedMemoryError',
      code,
      syscall: 'posix_spawn',
      message: expect.stringContaining(`cannot start the resource tracker, ${path}: `),
    });
    expect(exists(name)).toBe(false);
    expect(childrenOf(owner.process.pid ?? 0)).toEqual([]);
    await owner.kill();
    expect(owner.stderr).toBe('');
  });

  test('does not matter for segments without an owner', async () => {
    await using owner = start('/nonexistent/helper');
    const [name = ''] = await owner.ask<string[]>('own', 1, { track: false });
    await owner.ask('attach', name);
    await owner.ask('unlink', name);
    expect(exists(name)).toBe(false);
  });

  test('because it lost its mode gets it again', async () => {
    const path = join(folder, 'helper');
    copyFileSync(helperPath, path);
    chmodSync(path, 0o644);
    await using owner = start(path);
    const [name = ''] = await owner.ask<string[]>('own', 1);
    expect(exists(name)).toBe(true);
    await owner.kill();
    expect(exists(name)).toBe(false);
  });

  test.skipIf(!platform.hasProc || !platform.shieldsTracker)(
    'for lack of descriptors makes create fail with EMFILE, and leaves no names or descriptors',
    async () => {
      await using owner = forkFixture(FIXTURE, { through: ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'] });
      const names = Array.from({ length: 10 }, freshName);
      const attempts = await owner.ask<{ outcome: unknown; leaked: number }[]>('createShortOfFiles', names);
      const enough = attempts.findIndex(({ outcome }) => outcome === 'created');
      // One for the segment and some for the helper.
      expect(enough).toBeGreaterThan(2);
      for (const { outcome, leaked } of attempts.slice(0, enough)) {
        expect(outcome).toMatchObject({ name: 'SharedMemoryError', code: 'EMFILE' });
        expect(leaked).toBe(0);
      }
      // From then on there are the socket, the ledger and, if there was one more to spare, the handle of the process.
      for (const attempt of attempts.slice(enough)) {
        expect(attempt).toEqual({ outcome: 'created', leaked: attempts.at(-1)?.leaked });
        expect([2, 3]).toContain(attempt.leaked);
      }
      expect(names.filter(exists)).toEqual([]);
      helperOf(owner.process.pid);
      await owner.kill();
      expect(owner.stderr).toBe('');
    },
  );
});
