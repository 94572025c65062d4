import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { Lock, LockAbortedError, LockTimeoutError, SegmentClosedError, SharedMemoryError } from 'shareable';
import { describe, expect, test, vi } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';

/** A lock that another process holds, and that process. */
async function heldElsewhere(stack: AsyncDisposableStack) {
  const lock = Lock.create();
  stack.defer(() => lock[Symbol.dispose]());
  const holder = stack.use(forkFixture('lock/peer.ts'));
  await holder.ask('attach', lock.toJSON());
  await holder.ask('acquire');
  return { lock, holder };
}

/** What comes of a blocking acquire; the promise may already have been told. */
function acquireOnce(lock: Lock): unknown {
  try {
    lock.acquire().release();
    return 'acquired';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

describe('acquireAsync', () => {
  test('takes a free lock at once', async () => {
    using lock = Lock.create();
    await using guard = await lock.acquireAsync();
    expect(guard.recovered).toBe(false);
    expect(lock.tryAcquire()).toBeNull();
  });

  test('serves waits in order', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const order: number[] = [];
    const waiting = Array.from({ length: 20 }, async (_, index) => {
      using _guard = await lock.acquireAsync();
      order.push(index);
      await Promise.resolve();
    });
    await holder.ask('release');
    await Promise.all(waiting);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  test('never blocks the event loop or file reads', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const waiting = Array.from({ length: 50 }, async () => {
      using _guard = await lock.acquireAsync();
    });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    // Four that wait in the pool of libuv would stop every read.
    for (let read = 0; read < 20; read++) await readFile(import.meta.filename);
    await holder.ask('release');
    await Promise.all(waiting);
    delay.disable();
    // Generous: the machine may be busy. A blocked loop would show the whole of the wait.
    expect(delay.max / 1e6).toBeLessThan(1000);
  });

  test('waits for many locks at once', async () => {
    await using stack = new AsyncDisposableStack();
    const all = await Promise.all([heldElsewhere(stack), heldElsewhere(stack), heldElsewhere(stack)]);
    const waiting = all.map(async ({ lock }) => {
      using _guard = await lock.acquireAsync();
    });
    for (const [index, { holder }] of [...all.entries()].toReversed()) {
      await holder.ask('release');
      await waiting[index];
    }
    await expect(Promise.all(waiting)).resolves.toHaveLength(3);
  });

  test('times out, and the lock stays usable', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    for (const timeout of [0, 0.5, 30]) {
      const error = await lock.acquireAsync({ timeout }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockTimeoutError);
      expect(error).toMatchObject({ code: 'ETIMEDOUT', segment: lock.name });
    }
    await holder.ask('release');
    (await lock.acquireAsync({ timeout: 5_000 })).release();
  });

  test('rejects when its signal is aborted before', async () => {
    using lock = Lock.create();
    const reason = new Error('changed my mind');
    const error = await lock.acquireAsync({ signal: AbortSignal.abort(reason) }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockAbortedError);
    expect(error).toMatchObject({ code: 'ABORT_ERR', cause: reason });
    lock.acquire().release();
  });

  test('rejects when its signal is aborted during the wait, and later waits continue', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const controller = new AbortController();
    const first = lock.acquireAsync({ signal: controller.signal });
    const second = lock.acquireAsync();
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await expect(first).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    await holder.ask('release');
    (await second).release();
    await holder.ask('acquire', 5_000);
  });

  test('does not get the lock after the last wait was aborted', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    for (let round = 0; round < 50; round++) {
      const controller = new AbortController();
      const waiting = lock.acquireAsync({ signal: controller.signal });
      const released = holder.ask('release');
      controller.abort();
      await expect(waiting).rejects.toThrow('aborted');
      await released;
      expect(await holder.ask('acquire', 5_000)).toEqual({ recovered: false });
    }
  });

  test('waits its turn while another task of the same thread holds the lock', async () => {
    using lock = Lock.create();
    const order: number[] = [];
    const tasks = Array.from({ length: 10 }, async (_, index) => {
      using _held = await lock.acquireAsync();
      order.push(index);
      await setImmediate();
    });
    await Promise.all(tasks);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('waits for a guard of acquire, while a second acquire throws', async () => {
    using lock = Lock.create();
    const guard = lock.acquire();
    const waiting = lock.acquireAsync();
    expect(() => lock.acquire()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    expect(lock.tryAcquire()).toBeNull();
    guard.release();
    using second = await waiting;
    expect(second.recovered).toBe(false);
  });

  test('keeps one order for all instances of the lock in a thread', async () => {
    using lock = Lock.create();
    using other = Lock.attach(lock.name);
    const order: number[] = [];
    const tasks = Array.from({ length: 10 }, async (_, index) => {
      using _held = await (index % 2 === 0 ? lock : other).acquireAsync();
      order.push(index);
      await setImmediate();
    });
    await Promise.all(tasks);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    lock.acquire().release();
    other.acquire().release();
  });

  test('that waits behind its own thread times out, is aborted, and ends with its instance', async () => {
    using lock = Lock.create();
    const other = Lock.attach(lock.name);
    using guard = lock.acquire();
    const abort = AbortSignal.timeout(20);
    const waiting = Promise.allSettled([
      lock.acquireAsync({ timeout: 10 }),
      lock.acquireAsync({ signal: abort }),
      other.acquireAsync(),
    ]);
    other.close();
    const last = lock.acquireAsync();
    expect(await waiting).toMatchObject([
      { reason: { code: 'ETIMEDOUT' } },
      { reason: { code: 'ABORT_ERR' } },
      { reason: { code: 'ERR_SHM_CLOSED' } },
    ]);
    guard.release();
    (await last).release();
  });

  test('tasks of one thread that pass the lock on let another process have its turn', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    await holder.ask('release');
    const over = new AbortController();
    const busy = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        using _held = await lock.acquireAsync();
        await setImmediate();
      }
    });
    for (let round = 0; round < 20; round++) {
      expect(await holder.ask('acquire', 20_000)).toEqual({ recovered: false });
      await holder.ask('release');
    }
    over.abort();
    await Promise.all(busy);
  });

  test.each(['performance.now', 'Date.now', 'setTimeout'] as const)(
    'and acquire keep their time-outs when %s is a toy',
    async (what) => {
      await using stack = new AsyncDisposableStack();
      const { lock, holder } = await heldElsewhere(stack);
      let time = 1e6;
      const back = () => (time -= 100);
      const spy =
        what === 'performance.now'
          ? vi.spyOn(performance, 'now').mockImplementation(back)
          : what === 'Date.now'
            ? vi.spyOn(Date, 'now').mockImplementation(back)
            : vi.spyOn(globalThis, 'setTimeout').mockImplementation((() => 0) as never);
      try {
        expect(() => lock.acquire({ timeout: 60 })).toFailWith(LockTimeoutError, 'ETIMEDOUT');
        await expect(lock.acquireAsync({ timeout: 60 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
      } finally {
        spy.mockRestore();
      }
      const waiting = lock.acquireAsync({ timeout: 20_000 });
      await holder.ask('release');
      (await waiting).release();
    },
  );

  test('rejects when the lock is closed during the wait', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const waiting = [lock.acquireAsync(), lock.acquireAsync({ timeout: 20_000 })];
    const results = Promise.allSettled(waiting);
    lock.close();
    for (const result of await results) expect(result).toMatchObject({ reason: expect.any(SegmentClosedError) });
    await holder.ask('release');
  });

  test('lets a blocking acquire of its own thread go first, and is served next', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const waiting = lock.acquireAsync();
    await holder.ask('release');
    // The waiter may have got it for the promise by now: nobody can tell this thread while it blocks, so it gives it back.
    const outcome = acquireOnce(lock);
    expect(['acquired', 'ERR_SHM_LOCK_HELD']).toContain(outcome);
    (await waiting).release();
  });

  test('in a worker that is terminated while it waits does not take the lock along', async () => {
    await using stack = new AsyncDisposableStack();
    const { lock, holder } = await heldElsewhere(stack);
    const path = new URL('fixtures/worker.ts', import.meta.url);
    const worker = new Worker(path, { workerData: { lock: lock.toJSON(), isAsync: true }, execArgv: [] });
    expect(await once(worker, 'message')).toEqual(['about to wait']);
    await worker.terminate();
    await holder.ask('release');
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
  });
});

describe('a process', () => {
  test.each(['idle', 'has acquired', 'has waited'])('that %s ends by itself', async (what) => {
    await using child = forkFixture('lock/end.ts', { args: [what] });
    child.process.disconnect();
    expect(await child.end()).toEqual({ code: 0, signal: null });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe(what === 'has waited' ? 'acquired' : '');
  });
});
