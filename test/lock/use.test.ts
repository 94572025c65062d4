import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';

import type { LockHandle } from 'shareable';
import {
  LayoutError,
  Lock,
  LockGuard,
  LockTimeoutError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  ShareableList,
  SharedMemory,
  SharedMemoryError,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { copyOfPackage } from '../support/copy-of-package.ts';
import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

/** Whether a descriptor of this process leads to a segment. */
function leadsTo(file: string, name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${file}`).startsWith(pathOf(name));
  } catch {
    // The one by which they were listed is closed.
    return false;
  }
}

describe('a guard', () => {
  test('releases at the end of its scope, also after a throw', () => {
    using lock = Lock.create();
    const fail = () => {
      using guard = lock.acquire();
      expect(guard).toBeInstanceOf(LockGuard);
      throw new Error('left early');
    };
    expect(fail).toThrow('left early');
    lock.acquire().release();
  });

  test('releases once, and not what was acquired after it', () => {
    using lock = Lock.create();
    const first = lock.acquire();
    first.release();
    using _second = lock.acquire();
    first.release();
    first[Symbol.dispose]();
    expect(() => lock.acquire()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD', lock.name);
  });

  test('that is released after its lock was closed does nothing', () => {
    using lock = Lock.create();
    const guard = lock.acquire();
    guard.release();
    lock.close();
    expect(() => guard.release()).not.toThrow();
  });

  test.skipIf(!platform.canTruncate)('whose segment was truncated releases without an error', () => {
    using lock = Lock.create();
    const guard = lock.acquire();
    writeFileSync(pathOf(lock.name), '');
    guard.release();
    expect(() => lock.acquire({ timeout: 100 })).toFailWith(SharedMemoryError, 'ERR_SHM_TRUNCATED', 'truncated');
    expect(() => lock.tryAcquire()).toFailWith(SharedMemoryError, 'ERR_SHM_TRUNCATED', 'truncated');
  });
});

describe('a lock that this thread holds', () => {
  test('cannot be acquired again', () => {
    using lock = Lock.create();
    using _guard = lock.acquire();
    expect(() => lock.acquire()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD', 're-entrant');
    expect(() => lock.acquire({ timeout: 0 })).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    expect(lock.tryAcquire()).toBeNull();
  });

  test('cannot be acquired again through another instance', () => {
    using lock = Lock.create();
    using other = Lock.attach(lock.name);
    using _guard = lock.acquire();
    expect(() => other.acquire()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    expect(other.tryAcquire()).toBeNull();
  });

  test('is neither closed nor disposed of', () => {
    using lock = Lock.create();
    const guard = lock.acquire();
    expect(() => lock.close()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    expect(() => lock[Symbol.dispose]()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    expect(lock.closed).toBe(false);
    expect(exists(lock.name)).toBe(true);
    guard.release();
    lock.acquire().release();
  });
});

describe('bad arguments', () => {
  test.each([-1, -0.1, NaN, Infinity, -Infinity])('a time-out of %f is a RangeError', async (timeout) => {
    using lock = Lock.create();
    expect(() => lock.acquire({ timeout })).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'timeout');
    await expect(lock.acquireAsync({ timeout })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  });

  test.each(['1', 1n, null, {}])('a time-out of %o is a TypeError', async (timeout) => {
    using lock = Lock.create();
    const options = { timeout: timeout as number };
    expect(() => lock.acquire(options)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'timeout');
    await expect(lock.acquireAsync(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('an invalid signal and invalid options are TypeErrors', async () => {
    using lock = Lock.create();
    const signal = {} as AbortSignal;
    await expect(lock.acquireAsync({ signal })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => lock.acquire(5 as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'options');
  });

  test('the constructor, and the handle of something else, are TypeErrors', () => {
    const make = Lock as unknown as new () => Lock;
    expect(() => new make()).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'Lock.create()');
    const handle = { type: 'SharedMemory', name: 'x' } as unknown as LockHandle;
    expect(() => Lock.attach(handle)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'Lock');
  });
});

describe('attaching', () => {
  test('to a segment without a lock is a LayoutError', () => {
    using small = SharedMemory.create(1);
    using large = SharedMemory.create(10_000);
    using list = ShareableList.create([1, 2, 3]);
    for (const { name } of [small, large, list]) {
      expect(() => Lock.attach(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'lock');
    }
    expect([small, large, list].every(({ name }) => exists(name))).toBe(true);
  });

  test('to a missing lock is a SegmentNotFoundError, creating over an existing one a SegmentExistsError', () => {
    const name = freshName();
    expect(() => Lock.attach(name)).toFailWith(SegmentNotFoundError, 'ENOENT', name);
    using lock = Lock.create({ name });
    expect(lock.name).toBe(name);
    expect(() => Lock.create({ name })).toFailWith(SegmentExistsError, 'EEXIST', name);
  });

  test.skipIf(!platform.hasProc || !platform.needsNoDescriptor)(
    'a thousand times, and closing, leaves no descriptor open',
    () => {
      using lock = Lock.create();
      const open = () => readdirSync('/proc/self/fd').filter((file) => leadsTo(file, lock.name)).length;
      const before = open();
      for (let time = 0; time < 1000; time++) {
        using other = Lock.attach(lock.toJSON());
        other.acquire().release();
      }
      expect(open()).toBe(before);
      const others = Array.from({ length: 10 }, () => Lock.attach(lock.name));
      expect(open()).toBe(before + 10);
      for (const other of others) other.close();
      expect(open()).toBe(before);
    },
  );
});

describe('createOrAttach', () => {
  test('creates once, and then attaches', () => {
    const name = freshName();
    using first = Lock.createOrAttach(name);
    using second = Lock.createOrAttach(name, { mode: 0o600 });
    expect([first.name, second.name]).toEqual([name, name]);
    using _guard = first.acquire();
    expect(second.tryAcquire()).toBeNull();
  });

  test('belongs to the one that created it', () => {
    const name = freshName();
    const first = Lock.createOrAttach(name);
    Lock.createOrAttach(name)[Symbol.dispose]();
    expect(exists(name)).toBe(true);
    first[Symbol.dispose]();
    expect(exists(name)).toBe(false);
  });

  test('of something else is a LayoutError and leaves that alone', () => {
    using small = SharedMemory.create(1);
    using list = ShareableList.create([1, 2, 3]);
    for (const { name } of [small, list]) {
      expect(() => Lock.createOrAttach(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'lock');
      expect(exists(name)).toBe(true);
    }
  });
});

describe('run', () => {
  test('holds the lock until what the function returns is settled', async () => {
    using lock = Lock.create();
    const order: string[] = [];
    const first = lock.run(async (guard) => {
      expect(guard.recovered).toBe(false);
      order.push('first begins');
      await setImmediate();
      order.push('first ends');
      return 1;
    });
    const second = lock.run(() => {
      order.push('second');
      return 2;
    });
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(order).toEqual(['first begins', 'first ends', 'second']);
    expect(lock.tryAcquire()?.release()).toBeUndefined();
  });

  test('releases when the function throws or rejects, and passes that on', async () => {
    using lock = Lock.create();
    const oops = new Error('oops');
    await expect(
      lock.run(() => {
        throw oops;
      }),
    ).rejects.toBe(oops);
    await expect(lock.run(async () => Promise.reject(oops))).rejects.toBe(oops);
    lock.acquire().release();
  });

  test('does not call the function when the wait ends early, or when it is no function', async () => {
    using lock = Lock.create();
    using _guard = lock.acquire();
    const never = () => expect.unreachable();
    await expect(lock.run(never, { timeout: 5 })).rejects.toBeInstanceOf(LockTimeoutError);
    await expect(lock.run(never, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await expect(lock.run(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('two copies of the package in one process', () => {
  test('agree that this thread holds the lock', async () => {
    // Two of everything: the addon is loaded from another file, too.
    using folder = copyOfPackage();
    const { Lock: Other } = (await import(folder.index)) as { Lock: typeof Lock };
    expect(Other).not.toBe(Lock);
    using lock = Lock.create();
    using other = Other.attach(lock.toJSON());
    const guard = lock.acquire();
    expect(() => other.acquire()).toThrow(expect.objectContaining({ code: 'ERR_SHM_LOCK_HELD' }));
    expect(() => other.acquire({ timeout: 50 })).toThrow(expect.objectContaining({ code: 'ERR_SHM_LOCK_HELD' }));
    expect(other.tryAcquire()).toBeNull();
    const waiting = other.acquireAsync();
    guard.release();
    const second = await waiting;
    expect(() => lock.acquire()).toFailWith(SharedMemoryError, 'ERR_SHM_LOCK_HELD');
    second.release();
    lock.acquire().release();
  });
});

describe('garbage in the segment', () => {
  test.each([0xffffffff, 0x7fffffff, 0x80000000, 0x00020000, 0x00070000, 0x0000ffff, 0x0003ffff])(
    'as the lock word %d is taken over or waited for in vain',
    (garbage) => {
      using lock = Lock.create();
      using segment = SharedMemory.attach(lock.name);
      const words = segment.array(Uint32Array);
      words.fill(garbage, 16);
      const outcome = (() => {
        try {
          return lock.acquire({ timeout: 200 }).release();
        } catch (error) {
          return (error as Error).constructor;
        }
      })();
      expect([undefined, LockTimeoutError]).toContain(outcome);
      words.fill(garbage, 16);
      lock.tryAcquire()?.release();
      words.fill(0, 16);
      lock.acquire({ timeout: 5_000 }).release();
    },
  );
});

describe('after close', () => {
  test('every use is a SegmentClosedError, and close can be called again', async () => {
    using lock = Lock.create();
    lock.close();
    lock.close();
    expect(() => lock.acquire()).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED', lock.name);
    expect(() => lock.tryAcquire()).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    await expect(lock.acquireAsync()).rejects.toMatchObject({ code: 'ERR_SHM_CLOSED' });
  });

  test('the owner still unlinks when it is disposed of, once', () => {
    const lock = Lock.create();
    lock.close();
    expect(exists(lock.name)).toBe(true);
    lock[Symbol.dispose]();
    expect(exists(lock.name)).toBe(false);
    lock[Symbol.dispose]();
    expect(() => lock.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('with track: false the lock stays until it is unlinked', () => {
    const lock = Lock.create({ track: false });
    lock[Symbol.dispose]();
    const again = Lock.attach(lock.name);
    again.acquire().release();
    again.unlink();
    again.close();
    expect(exists(lock.name)).toBe(false);
  });

  test('printing works', () => {
    using lock = Lock.create();
    expect(inspect(lock)).toBe(`Lock('${lock.name}')`);
    const guard = lock.acquire();
    expect(String(lock)).toBe(`Lock('${lock.name}', held)`);
    guard.release();
    lock.close();
    expect(inspect({ lock })).toContain('closed');
    expect(JSON.parse(JSON.stringify(lock))).toEqual({ type: 'Lock', name: lock.name });
  });
});

test('a worker that blocks in acquire is terminated promptly', async () => {
  using lock = Lock.create();
  using _guard = lock.acquire();
  const path = new URL('fixtures/waiter.ts', import.meta.url);
  const worker = new Worker(path, { workerData: lock.toJSON(), execArgv: [] });
  expect(await once(worker, 'message')).toEqual(['about to block']);
  const start = performance.now();
  await worker.terminate();
  // Generous: the machine may be busy. Without slices this would never come.
  expect(performance.now() - start).toBeLessThan(20_000);
});
