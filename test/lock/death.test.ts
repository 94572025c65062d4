import type { LockGuard } from 'shareable';
import { Lock } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { until } from '../support/until.ts';

async function expectAbort(child: Child): Promise<unknown> {
  await expect(child.ask('abort')).rejects.toThrow('SIGABRT');
  return child.end();
}

const deaths: [string, (child: Child) => Promise<unknown>][] = [
  ['is killed', async (child) => child.kill('SIGKILL')],
  ['is asked to end by SIGTERM', async (child) => child.kill('SIGTERM')],
  [
    'calls process.exit()',
    async (child) => {
      await expect(child.ask('exit', 3)).rejects.toThrow('ended with code 3');
      return child.end();
    },
  ],
  [
    'throws',
    async (child) => {
      await child.ask('throw');
      return child.end();
    },
  ],
  ['comes to the end of its program', async (child) => child[Symbol.asyncDispose]()],
];
if (platform.hasSignals) deaths.push(['aborts', expectAbort]);

describe('a holder', () => {
  test.each(deaths)('that %s frees the lock, and exactly the next holder is told', async (_, die) => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquire');
    await die(child);
    const first = lock.acquire();
    expect(first.recovered).toBe(true);
    first.release();
    const second = lock.acquire();
    expect(second.recovered).toBe(false);
    second.release();
  });

  test.each([
    ['tryAcquire()', (lock: Lock) => lock.tryAcquire()],
    ['acquire({ timeout: 0 })', (lock: Lock) => lock.acquire({ timeout: 0 })],
    ['acquireAsync({ timeout: 0 })', async (lock: Lock) => lock.acquireAsync({ timeout: 0 })],
  ])('that is killed frees the lock for the next %s, at the first try', async (_, acquire) => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquire');
    await child.kill('SIGKILL');
    const guard = await acquire(lock);
    expect(guard?.recovered).toBe(true);
    guard?.release();
    using second = lock.tryAcquire();
    expect(second?.recovered).toBe(false);
  });

  test('that is killed after a poll found it alive frees the lock for later polls', async () => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquire');
    expect(lock.tryAcquire()).toBeNull();
    await child.kill('SIGKILL');
    let guard: LockGuard | null = null;
    await until(() => (guard = lock.tryAcquire()) !== null);
    expect(guard).toMatchObject({ recovered: true });
    (guard as LockGuard | null)?.release();
  });

  test.each(deaths)('that %s frees the lock for an asynchronous wait', async (_, die) => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquireAsync');
    const waiting = [lock.acquireAsync(), lock.acquireAsync()];
    await die(child);
    const first = await waiting[0];
    expect(first?.recovered).toBe(true);
    first?.release();
    const second = await waiting[1];
    expect(second?.recovered).toBe(false);
    second?.release();
  });

  test('that is killed is reported to exactly one waiting process of several', async () => {
    using lock = Lock.create();
    await using stack = new AsyncDisposableStack();
    const [victim, ...others] = Array.from({ length: 4 }, () => stack.use(forkFixture('lock/peer.ts')));
    await Promise.all([victim, ...others].map((child) => child?.ask('attach', lock.toJSON())));
    await victim?.ask('acquire');
    const told = others.map(async (child) => {
      const { recovered } = await child.ask<{ recovered: boolean }>('acquireAsync');
      await child.ask('release');
      return recovered;
    });
    await victim?.kill();
    expect((await Promise.all(told)).filter(Boolean)).toHaveLength(1);
  });

  test('that dies after it was told leaves the report to the next', async () => {
    using lock = Lock.create();
    for (let round = 0; round < 2; round++) {
      await using child = forkFixture('lock/peer.ts');
      await child.ask('attach', lock.toJSON());
      expect(await child.ask('acquire')).toEqual({ recovered: round > 0 });
      await child.kill();
    }
    using guard = lock.acquire();
    expect(guard.recovered).toBe(true);
  });

  test('that releases before it dies is not reported', async () => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquire');
    await child.ask('release');
    await child.kill();
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
  });

  test.skipIf(!platform.hasSignals)('that is stopped keeps the lock, and continues with it', async () => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('acquire');
    child.process.kill('SIGSTOP');
    try {
      expect(() => lock.acquire({ timeout: 300 })).toThrow(expect.objectContaining({ code: 'ETIMEDOUT' }));
      await expect(lock.acquireAsync({ timeout: 300 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    } finally {
      child.process.kill('SIGCONT');
    }
    const waiting = lock.acquireAsync();
    await child.ask('release');
    using guard = await waiting;
    expect(guard.recovered).toBe(false);
  });

  test('that dies after the name was unlinked still frees the lock', async () => {
    const lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    lock.unlink();
    await child.ask('acquire');
    await child.kill();
    const guard = lock.acquire();
    expect(guard.recovered).toBe(true);
    guard.release();
    lock[Symbol.dispose]();
  });
});

describe('a holder in a worker thread', () => {
  test.each(['terminate', 'throw', 'exit'])('that ends by %s frees the lock', async (how) => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('holdInWorker');
    expect(lock.tryAcquire()).toBeNull();
    await expect(child.ask('acquire', 0)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const waiting = child.ask('acquireAsync');
    await child.ask('endWorker', how);
    expect(await waiting).toEqual({ recovered: true });
    await child.ask('release');
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
  });

  test('whose process is killed frees the lock', async () => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('holdInWorker');
    await child.kill();
    using guard = lock.acquire();
    expect(guard.recovered).toBe(true);
  });

  test('that releases is not reported', async () => {
    using lock = Lock.create();
    await using child = forkFixture('lock/peer.ts');
    await child.ask('attach', lock.toJSON());
    await child.ask('holdInWorker');
    await child.ask('endWorker', 'release');
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
  });
});
