import { Condition, Lock, Semaphore, ShareableList, WaitAbortedError, WaitTimeoutError } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { freshName } from '../support/segments.ts';

async function forkPeer(...shared: { toJSON(): { type: string; name: string } }[]): Promise<Child> {
  const child = forkFixture('primitives/peer.ts');
  for (const one of shared) await child.ask('attach', one.toJSON().type, one.toJSON());
  return child;
}

async function waitsOf(child: Child): Promise<unknown> {
  return new Promise((resolve) => child.process.on('message', (message) => message === 'waiting' && resolve(message)));
}

describe('a condition', () => {
  test.each([false, true])('wakes a process that waits for what the lock protects (async: %s)', async (isAsync) => {
    using lock = Lock.create();
    using condition = Condition.create();
    using list = ShareableList.create([0]);
    await using child = await forkPeer(lock, condition, list);
    const isWaiting = waitsOf(child);
    const result = child.ask('waitFor', 2, isAsync);
    await isWaiting;
    for (const value of [1, 2]) {
      using guard = await lock.acquireAsync();
      list.set(0, value);
      condition.notify(guard);
    }
    expect(await result).toEqual([2, false]);
  });

  test.each(['wait', 'waitAsync'] as const)('holds the lock when it checks, and afterwards: %s', async (how) => {
    using lock = Lock.create();
    using condition = Condition.create();
    using list = ShareableList.create([0]);
    await using child = await forkPeer(lock, condition, list);
    const guard = lock.acquire();
    const notified = child.ask('notify', 1);
    await condition[how](guard, () => {
      expect(lock.tryAcquire()).toBeNull();
      return list.get(0) === 1;
    });
    await notified;
    expect(lock.tryAcquire()).toBeNull();
    guard.release();
    lock.acquire({ timeout: 1000 }).release();
  });

  test('wakes as many as are notified, and all by notifyAll', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    let open = 0;
    let passed = 0;
    const tasks = [1, 2, 3].map(async () => {
      using guard = await lock.acquireAsync();
      await condition.waitAsync(guard, () => open > 0);
      open -= 1;
      passed += 1;
    });
    for (const count of [1, 2]) {
      const before = passed;
      {
        using guard = await lock.acquireAsync();
        open += count;
        if (count === 1) condition.notify(guard);
        else condition.notifyAll(guard);
      }
      await expect.poll(() => passed).toBe(before + count);
    }
    await Promise.all(tasks);
  });

  test('ends a wait by its time-out and its signal, with the lock', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    using guard = lock.acquire();
    expect(() => condition.wait(guard, () => false, { timeout: 10 })).toThrow(WaitTimeoutError);
    expect(lock.tryAcquire()).toBeNull();
    await expect(condition.waitAsync(guard, () => false, { timeout: 10 })).rejects.toThrow(WaitTimeoutError);
    const controller = new AbortController();
    const pending = condition.waitAsync(guard, () => false, { signal: controller.signal });
    controller.abort('enough');
    await expect(pending).rejects.toThrow(expect.objectContaining({ name: 'AbortError', cause: 'enough' }));
    await expect(pending).rejects.toThrow(WaitAbortedError);
    expect(lock.tryAcquire()).toBeNull();
    expect(() =>
      condition.wait(guard, () => {
        throw new Error('from until');
      }),
    ).toThrow('from until');
    expect(lock.tryAcquire()).toBeNull();
    condition.wait(guard, () => true, { timeout: 0 });
  });

  test('refuses guards that hold no lock', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    using semaphore = Semaphore.create(1);
    const guard = lock.acquire();
    guard.release();
    using permit = semaphore.acquire();
    for (const wrong of [guard, permit, {}, null, undefined]) {
      expect(() => condition.wait(wrong as never, () => true)).toThrow(TypeError);
      await expect(condition.waitAsync(wrong as never, () => true)).rejects.toThrow(TypeError);
      expect(() => condition.notify(wrong as never)).toThrow(TypeError);
    }
    using held = lock.acquire();
    expect(() => condition.wait(held, 1 as never)).toThrow(TypeError);
    expect(() => condition.notify(held, 0)).toThrow(RangeError);
  });

  test('gives the lock back when its guard is released during the wait', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    const guard = lock.acquire();
    let isOpen = false;
    const pending = condition.waitAsync(guard, () => isOpen);
    guard.release();
    {
      using other = await lock.acquireAsync();
      isOpen = true;
      condition.notify(other);
    }
    await expect(pending).rejects.toThrow(TypeError);
    lock.acquire({ timeout: 1000 }).release();
  });

  test('rejects pending waits when it is closed, with the lock', async () => {
    using lock = Lock.create();
    const condition = Condition.createOrAttach(freshName());
    expect(condition.toJSON()).toEqual({ type: 'Condition', name: condition.name });
    const guard = lock.acquire();
    const pending = condition.waitAsync(guard, () => false);
    condition[Symbol.dispose]();
    await expect(pending).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(lock.tryAcquire()).toBeNull();
    guard.release();
  });
});

describe('a process that is killed', () => {
  test('while it waits leaves notifications to others', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    using list = ShareableList.create([0]);
    await using dying = await forkPeer(lock, condition, list);
    await using other = await forkPeer(lock, condition, list);
    const first = waitsOf(dying);
    const died = dying.ask('waitFor', 1, false).catch(() => 'died');
    await first;
    const second = waitsOf(other);
    const result = other.ask('waitFor', 1, false);
    await second;
    await dying.kill();
    expect(await died).toBe('died');
    using guard = await lock.acquireAsync();
    list.set(0, 1);
    condition.notify(guard);
    guard.release();
    expect(await result).toEqual([1, false]);
  });

  test('as the holder of the lock is told by the renewed guard', async () => {
    using lock = Lock.create();
    using condition = Condition.create();
    using list = ShareableList.create([0]);
    await using child = await forkPeer(lock, condition, list);
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
    const pending = condition.waitAsync(guard, () => list.get(0) === 1);
    await child.ask('holdLock');
    list.set(0, 1);
    using other = Lock.attach(lock.name);
    await child.kill();
    using helper = await other.acquireAsync();
    expect(helper.recovered).toBe(true);
    condition.notifyAll(helper);
    helper.release();
    await pending;
  });
});
