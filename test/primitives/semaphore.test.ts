import { LayoutError, LockTimeoutError, Semaphore, ShareableList, SharedEvent, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

const held = expect.objectContaining({ code: 'ERR_SHM_LOCK_HELD' });

async function forkPeer(semaphore: Semaphore): Promise<Child> {
  const child = forkFixture('primitives/peer.ts');
  await child.ask('attach', 'Semaphore', semaphore.toJSON());
  return child;
}

/** How many processes wait, by the word WAITING of its segment. */
function waitersOf(semaphore: Semaphore): number {
  using segment = SharedMemory.attach(semaphore.name);
  const { buffer, byteOffset, byteLength } = segment.buf;
  return new DataView(buffer, byteOffset, byteLength).getUint32(84, true);
}

describe('a semaphore', () => {
  test('keeps the event loop free while another participant keeps the guard', async () => {
    using semaphore = Semaphore.create(1);
    using other = Semaphore.attach(semaphore.name);
    using shm = SharedMemory.attach(semaphore.name);
    // The guard is at byte 128, and holds the number of a seat: the second one is of a living participant.
    const guard = new Int32Array(shm.buffer, 128, 1);
    guard[0] = 2;
    try {
      let turns = 0;
      const timer = setInterval(() => void turns++, 1);
      const wait = semaphore.acquireAsync({ timeout: 1000 });
      await expect(wait).rejects.toThrow(expect.objectContaining({ code: 'ETIMEDOUT' }));
      clearInterval(timer);
      expect(turns).toBeGreaterThan(2);
    } finally {
      guard[0] = 0;
    }
    const permit = await semaphore.acquireAsync();
    expect(other.free).toBe(0);
    permit.release();
  });

  test('gives out as many permits as it has, and takes them back', () => {
    using semaphore = Semaphore.create(2);
    expect([semaphore.permits, semaphore.free]).toEqual([2, 2]);
    const first = semaphore.acquire();
    const second = semaphore.tryAcquire();
    expect(semaphore.free).toBe(0);
    expect(semaphore.tryAcquire()).toBeNull();
    expect(String(semaphore)).toBe(`Semaphore('${semaphore.name}', 0 of 2 free)`);
    first.release();
    first.release();
    expect(semaphore.free).toBe(1);
    second?.[Symbol.dispose]();
    expect(semaphore.free).toBe(2);
  });

  test('lets no more in at once than it has permits', async () => {
    using semaphore = Semaphore.create(2);
    using list = ShareableList.create([0]);
    const children = await Promise.all([1, 2, 3].map(() => forkPeer(semaphore)));
    await Promise.all(children.map((child) => child.ask('attach', 'ShareableList', list.toJSON())));
    const most = await Promise.all(children.map((child, i) => child.ask('contend', 1000, i === 0)));
    expect(most.every((count) => (count as number) >= 1 && (count as number) <= 2)).toBe(true);
    expect([list.get(0), semaphore.free]).toEqual([0, 2]);
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  });

  test.each(['acquire', 'acquireAsync'])('that is free again goes to a process that waits: %s', async (how) => {
    using semaphore = Semaphore.create(1);
    await using child = await forkPeer(semaphore);
    const guard = semaphore.acquire();
    const got = child.ask(how);
    guard.release();
    expect(await got).toBe(false);
    expect(semaphore.tryAcquire()).toBeNull();
    const back = semaphore.acquireAsync();
    await child.ask('release');
    (await back).release();
  });

  test('serves the tasks of a thread in their order', async () => {
    using semaphore = Semaphore.create(1);
    const first = semaphore.acquire();
    const order: number[] = [];
    const tasks = [1, 2, 3].map(async (number) => {
      using _permit = await semaphore.acquireAsync();
      order.push(number);
    });
    first.release();
    await Promise.all(tasks);
    expect(order).toEqual([1, 2, 3]);
  });

  test('ends a wait by its time-out and its signal', async () => {
    using semaphore = Semaphore.create(1);
    await using child = await forkPeer(semaphore);
    await child.ask('acquire');
    expect(() => semaphore.acquire({ timeout: 20 })).toThrow(LockTimeoutError);
    expect(() => semaphore.acquire({ timeout: 0 })).toThrow(/no free permit now/);
    await expect(semaphore.acquireAsync({ timeout: 20 })).rejects.toThrow(LockTimeoutError);
    const controller = new AbortController();
    const pending = semaphore.acquireAsync({ signal: controller.signal });
    controller.abort('enough');
    await expect(pending).rejects.toThrow(expect.objectContaining({ name: 'AbortError', cause: 'enough' }));
    await child.ask('release');
    semaphore.acquire({ timeout: 5000 }).release();
  });

  test('refuses a wait for permits that this thread holds by several instances', async () => {
    using semaphore = Semaphore.create(2);
    using again = Semaphore.attach(semaphore.toJSON());
    using _first = semaphore.acquire();
    const second = again.acquire();
    expect(() => semaphore.acquire()).toThrow(held);
    expect(() => again.acquire()).toThrow(held);
    expect(() => again.acquire({ timeout: 10 })).toThrow(LockTimeoutError);
    second.release();
    // One permit of another process is worth waiting for.
    await using child = await forkPeer(semaphore);
    await child.ask('acquire');
    expect(() => again.acquire({ timeout: 20 })).toThrow(LockTimeoutError);
    await child.ask('release');
    using _third = again.acquire();
    expect(semaphore.free).toBe(0);
  });

  test('refuses a wait that could never end, and to be closed while it is held', async () => {
    const semaphore = Semaphore.create(1);
    const guard = semaphore.acquire();
    expect(() => semaphore.acquire()).toThrow(held);
    expect(() => semaphore.close()).toThrow(held);
    expect(() => semaphore[Symbol.dispose]()).toThrow(held);
    guard.release();
    semaphore[Symbol.dispose]();
    expect(() => semaphore.acquire()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(() => semaphore.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    await expect(semaphore.acquireAsync()).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
  });

  test.each([
    [0, RangeError],
    [-1, RangeError],
    [1.5, RangeError],
    [2 ** 31, RangeError],
    ['1', TypeError],
    [undefined, TypeError],
  ])('of %s permits is refused', (permits, error) => {
    expect(() => Semaphore.create(permits as number)).toThrow(error);
  });

  test('is created or attached by name, and nothing else is one', () => {
    using first = Semaphore.createOrAttach(freshName(), 3);
    using second = Semaphore.createOrAttach(first.name, 5);
    expect(second.permits).toBe(3);
    expect(JSON.parse(JSON.stringify(second))).toEqual({ type: 'Semaphore', name: first.name });
    using event = SharedEvent.create();
    expect(() => Semaphore.attach(event.name)).toThrow(LayoutError);
    expect(() => Semaphore.createOrAttach(first.name, 5, { name: 'x' } as never)).toThrow(TypeError);
  });
});

describe('a holder of permits that is killed', () => {
  test.each([
    ['acquire', (semaphore: Semaphore) => semaphore.acquire()],
    ['tryAcquire', (semaphore: Semaphore) => semaphore.tryAcquire()],
    ['acquireAsync', async (semaphore: Semaphore) => semaphore.acquireAsync()],
  ] as const)('gives each of them back, and each next holder is told: %s', async (_, acquire) => {
    using semaphore = Semaphore.create(3);
    await using child = await forkPeer(semaphore);
    await child.ask('acquire');
    await child.ask('acquire');
    await child.ask('acquire');
    await child.kill();
    const guards = [await acquire(semaphore), await acquire(semaphore), await acquire(semaphore)];
    expect(guards.map((guard) => guard?.recovered)).toEqual([true, true, true]);
    for (const guard of guards) guard?.release();
    using last = semaphore.acquire();
    expect(last.recovered).toBe(false);
  });

  test.each(['acquire', 'acquireAsync'])('wakes a process that waits: %s', async (how) => {
    using semaphore = Semaphore.create(1);
    await using holder = await forkPeer(semaphore);
    await using waiter = await forkPeer(semaphore);
    await holder.ask('acquire');
    const got = waiter.ask(how);
    await holder.kill();
    expect(await got).toBe(true);
  });

  test('while it waits leaves the permits to others', async () => {
    using semaphore = Semaphore.create(1);
    await using waiter = await forkPeer(semaphore);
    const guard = semaphore.acquire();
    const never = waiter.ask('acquire').catch(() => 'died');
    await expect.poll(() => waitersOf(semaphore)).toBe(1);
    await waiter.kill();
    expect(await never).toBe('died');
    // No process has noticed the death yet.
    expect(waitersOf(semaphore)).toBe(1);
    guard.release();
    semaphore.acquire({ timeout: 5000 }).release();
  });

  test('at any moment, again and again, loses no permit', async () => {
    using semaphore = Semaphore.create(2);
    using list = ShareableList.create([0]);
    for (let round = 0; round < 4; round++) {
      const children = await Promise.all([forkPeer(semaphore), forkPeer(semaphore)]);
      await Promise.all(children.map((child) => child.ask('attach', 'ShareableList', list.toJSON())));
      const ends = children.map((child) => child.ask('contend', 1e9, false).catch(() => 'died'));
      for (let i = 0; i < 50; i++) (await semaphore.acquireAsync()).release();
      await Promise.all(children.map((child) => child.kill()));
      expect(await Promise.all(ends)).toEqual(['died', 'died']);
      const both = [semaphore.acquire({ timeout: 5000 }), semaphore.acquire({ timeout: 5000 })];
      expect(semaphore.tryAcquire()).toBeNull();
      for (const guard of both) guard.release();
      expect(semaphore.free).toBe(2);
    }
  });

  test.skipIf(!platform.hasSignals)('is not confused with one that is stopped', async () => {
    using semaphore = Semaphore.create(1);
    await using child = await forkPeer(semaphore);
    await child.ask('acquire');
    child.process.kill('SIGSTOP');
    expect(() => semaphore.acquire({ timeout: 100 })).toThrow(LockTimeoutError);
    child.process.kill('SIGCONT');
    await child.ask('release');
    using guard = semaphore.acquire({ timeout: 5000 });
    expect(guard.recovered).toBe(false);
  });
});
