import { Barrier, BrokenBarrierError, WaitAbortedError, WaitTimeoutError } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { freshName } from '../support/segments.ts';

const broken = expect.objectContaining({ code: 'ERR_SHM_BARRIER_BROKEN' });

async function forkPeer(barrier: Barrier): Promise<Child> {
  const child = forkFixture('primitives/peer.ts');
  await child.ask('attach', 'Barrier', barrier.toJSON());
  return child;
}

describe('a barrier', () => {
  test('lets parties pass together, and gives each its own number', async () => {
    using barrier = Barrier.create(3);
    const children = await Promise.all([forkPeer(barrier), forkPeer(barrier)]);
    const sums = Promise.all(children.map((child, i) => child.ask('meetOften', 300, i === 0)));
    let own = 0;
    for (let i = 0; i < 300; i++) own += await barrier.waitAsync();
    const [first, second] = (await sums) as [number, number];
    expect(own + first + second).toBe(300 * (0 + 1 + 2));
    expect([barrier.broken, barrier.waiting, barrier.parties]).toEqual([false, 0, 3]);
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  });

  test('counts the tasks of one thread as parties', async () => {
    using barrier = Barrier.create(3);
    for (let round = 0; round < 5; round++) {
      const numbers = await Promise.all([barrier.waitAsync(), barrier.waitAsync(), barrier.waitAsync()]);
      expect(numbers).toEqual([0, 1, 2]);
    }
    using alone = Barrier.create(1);
    expect([alone.wait(), await alone.waitAsync()]).toEqual([0, 0]);
  });

  test('breaks by a time-out, for all that wait, until reset', async () => {
    using barrier = Barrier.create(3);
    await using child = await forkPeer(barrier);
    const other = child.ask('meet');
    await expect.poll(() => barrier.waiting).toBe(1);
    const third = barrier.waitAsync();
    expect(() => barrier.wait({ timeout: 0 })).not.toThrow();
    await Promise.all([other, third]);
    const again = child.ask('meet').catch((error: { code?: string }) => error.code);
    await expect.poll(() => barrier.waiting).toBe(1);
    expect(() => barrier.wait({ timeout: 20 })).toThrow(WaitTimeoutError);
    expect(await again).toBe('ERR_SHM_BARRIER_BROKEN');
    expect(barrier.broken).toBe(true);
    expect(() => barrier.wait()).toThrow(BrokenBarrierError);
    await expect(barrier.waitAsync()).rejects.toThrow(broken);
    expect(String(barrier)).toBe(`Barrier('${barrier.name}', broken)`);
    barrier.reset();
    expect(barrier.broken).toBe(false);
    const all = Promise.all([barrier.waitAsync(), barrier.waitAsync(), child.ask('meet')]);
    expect((await all).toSorted()).toEqual([0, 1, 2]);
  });

  test('breaks by a signal, and by abort', async () => {
    using barrier = Barrier.create(2);
    const controller = new AbortController();
    const pending = barrier.waitAsync({ signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toThrow(WaitAbortedError);
    expect(barrier.broken).toBe(true);
    barrier.reset();
    const waiting = barrier.waitAsync();
    barrier.abort();
    await expect(waiting).rejects.toThrow(broken);
    barrier.reset();
    const reset = barrier.waitAsync();
    barrier.reset();
    await expect(reset).rejects.toThrow(broken);
    expect(await Promise.all([barrier.waitAsync(), barrier.waitAsync()])).toEqual([0, 1]);
  });

  test.each([0, -1, 1.5, 2 ** 31, '2'])('of %s parties is refused', (parties) => {
    expect(() => Barrier.create(parties as number)).toThrow(typeof parties === 'string' ? TypeError : RangeError);
  });

  test('is created or attached by name', () => {
    using first = Barrier.createOrAttach(freshName(), 2);
    using second = Barrier.createOrAttach(first.name, 5);
    expect(second.parties).toBe(2);
    expect(second.toJSON()).toEqual({ type: 'Barrier', name: first.name });
  });
});

describe('a party', () => {
  test.each(['meet', 'meetAsync'])('that is killed before it arrives breaks the barrier for all: %s', async (how) => {
    using barrier = Barrier.create(3);
    await using dying = await forkPeer(barrier);
    await using other = await forkPeer(barrier);
    const waits = [
      other.ask(how).catch((error: { code?: string }) => error.code),
      barrier.waitAsync().catch((error: { code?: string }) => error.code),
    ];
    await expect.poll(() => barrier.waiting).toBe(2);
    await dying.kill();
    expect(await Promise.all(waits)).toEqual(['ERR_SHM_BARRIER_BROKEN', 'ERR_SHM_BARRIER_BROKEN']);
    await expect(barrier.waitAsync()).rejects.toThrow(broken);
  });

  test('that is killed while it waits breaks the barrier', async () => {
    using barrier = Barrier.create(3);
    await using dying = await forkPeer(barrier);
    const died = dying.ask('meet').catch(() => 'died');
    await expect.poll(() => barrier.waiting).toBe(1);
    await dying.kill();
    expect(await died).toBe('died');
    expect(() => barrier.wait()).toThrow(broken);
    barrier.reset();
    await using next = await forkPeer(barrier);
    const all = Promise.all([barrier.waitAsync(), barrier.waitAsync(), next.ask('meet')]);
    expect((await all).toSorted()).toEqual([0, 1, 2]);
  });

  test('that closes while it waits breaks the barrier', async () => {
    using barrier = Barrier.create(2);
    const other = Barrier.attach(barrier.name);
    const pending = other.waitAsync();
    other.close();
    await expect(pending).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(() => barrier.wait()).toThrow(broken);
  });
});
