/** `manager.once`: one copy for all processes that are connected to a manager, and nothing that survives it. */
import type { SharedMemory } from 'shareable';
import { SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { leftOf } from '../support/once.ts';
import { freshName } from '../support/segments.ts';

const SIZE = 1 << 20;
const fill = (create: (size: number) => SharedMemory) => void create(SIZE).buf.fill(7);

interface Got {
  name: string;
  isComplete: boolean;
  isOwner: boolean;
  makes: number;
}

describe('manager.once', () => {
  test('makes one copy among all members, which outlives its maker and ends with the manager', async () => {
    const manager = await SharedMemoryManager.start();
    const children = Array.from({ length: 4 }, () => forkFixture('memory/once.ts'));
    await Promise.all(children.map((child) => child.ask('connect', manager.address, manager.authkey)));
    const got = await Promise.all(children.map((child) => child.ask<Got>('get', 'data', SIZE)));
    expect(got.every(({ isComplete, isOwner }) => isComplete && !isOwner)).toBe(true);
    expect(got.reduce((sum, { makes }) => sum + makes, 0)).toBe(1);
    const names = new Set(got.map(({ name }) => name));
    expect(names.size).toBe(1);
    for (const child of children) await child.kill('SIGKILL');
    using shm = await manager.once('data', () => expect.unreachable('it is there'));
    expect([names.has(shm.name), shm.buf[SIZE - 1]]).toEqual([true, 7]);
    expect(manager.list()).toEqual([shm.name]);
    await manager.shutdown();
    expect(leftOf(shm.name)).toEqual([]);
  });

  test('refuses keys that UTF-8 cannot tell apart, and options that would let something outlive the manager', async () => {
    using manager = new SharedMemoryManager();
    const invalid = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
    await expect(manager.once('\ud800', fill)).rejects.toEqual(invalid);
    await expect(manager.once('key', fill, { track: false } as object)).rejects.toEqual(invalid);
    const untracked: object = { track: false };
    expect(() => manager.array([2], 'int8', untracked)).toThrow(invalid);
    expect(() => manager.channel(untracked)).toThrow(invalid);
    expect(() => manager.sharedValue(1, untracked)).toThrow(invalid);
    expect(() => manager.rwLock(untracked)).toThrow(invalid);
    expect(() => manager.array([2], 'int8', null as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'options');
    expect(manager.list()).toEqual([]);
  });

  test('replaces a maker that is killed', async () => {
    await using manager = await SharedMemoryManager.start();
    const maker = forkFixture('memory/once.ts');
    await maker.ask('connect', manager.address, manager.authkey);
    await maker.ask('startForever', 'data');
    const waiting = manager.once('data', fill);
    await maker.kill('SIGKILL');
    using shm = await waiting;
    expect(shm.buf[0]).toBe(7);
  });

  test('keeps the keys of two managers apart', async () => {
    using one = new SharedMemoryManager();
    using other = new SharedMemoryManager();
    using first = await one.once('data', fill);
    using second = await other.once('data', fill);
    using again = await one.once('data', fill);
    expect(first.name).not.toBe(second.name);
    expect(again.name).toBe(first.name);
  });

  test('fails with ManagerClosedError when the manager has ended, also while make runs, and leaves nothing', async () => {
    const manager = await SharedMemoryManager.start();
    let name = '';
    const failing = manager.once('data', async (create) => {
      ({ name } = create(SIZE));
      await manager.shutdown();
    });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_SHM_MANAGER_CLOSED' });
    await expect(manager.once('data', fill)).rejects.toMatchObject({ code: 'ERR_SHM_MANAGER_CLOSED' });
    expect(name).not.toBe('');
    expect(leftOf(name)).toEqual([]);
  });

  test('refuses a key that is not text', async () => {
    using manager = new SharedMemoryManager();
    const once = manager.once.bind(manager) as (...args: unknown[]) => Promise<SharedMemory>;
    await expect(once(7, fill)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(once('x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('a name', () => {
  test('can be given to what is made through a manager', () => {
    using manager = new SharedMemoryManager();
    const names = [freshName(), freshName(), freshName()];
    manager.sharedMemory(8, { name: names[0] });
    manager.shareableList([1], { name: names[1] });
    manager.lock({ name: names[2] });
    expect(manager.list().toSorted()).toEqual(names.toSorted());
  });
});
