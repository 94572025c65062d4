/**
 * What CPython's own tests expect of SharedMemoryManager. Where this library answers in another way, the test says so,
 * beginning with "other than CPython:".
 */
import { ManagerClosedError, SegmentNotFoundError, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { exists } from '../support/segments.ts';
import { childrenOf } from '../support/processes.ts';

const numbers = (length: number) => Array.from({ length }, (_, index) => index);

test('lists and segments of a manager can be attached to until it is shut down', async () => {
  const manager = await SharedMemoryManager.start();
  const lists = [5, 6, 7, 8, 9].map((length) => manager.shareableList(numbers(length)));
  const segments = [32, 48, 64, 80, 96, 112].map((size) => manager.sharedMemory(size));
  const names = [...lists, ...segments].map(({ name }) => name);
  {
    using list = ShareableList.attach(names[0] ?? '');
    using shm = SharedMemory.attach(names[5] ?? '');
    expect([list.length, shm.size]).toEqual([5, 32]);
  }
  await manager.shutdown();
  for (const name of names) expect(() => SharedMemory.attach(name)).toFailWith(SegmentNotFoundError, 'ENOENT');
  for (const held of [...lists, ...segments]) held.close();
});

test('the end of its scope unlinks what was created in it', async () => {
  const names: string[] = [];
  {
    await using manager = await SharedMemoryManager.start();
    names.push(manager.shareableList([...'howdy']).name, manager.sharedMemory(128).name);
    expect(names.every(exists)).toBe(true);
  }
  expect(names.some(exists)).toBe(false);
});

test('its server keeps working after SIGINT', async () => {
  const before = new Set(childrenOf(process.pid));
  await using manager = await SharedMemoryManager.start();
  const server = childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0;
  const first = manager.shareableList(numbers(10)).name;
  process.kill(server, 'SIGINT');
  const second = manager.shareableList(numbers(10)).name;
  expect(manager.list().toSorted()).toEqual([first, second].toSorted());
});

test('a program that shuts its manager down prints no warning', async () => {
  await using child = forkFixture('manager/peer.ts');
  await child.ask('start');
  await child.ask('make');
  await child.ask('shutdown');
  await child[Symbol.asyncDispose]();
  expect(child.stderr).toBe('');
});

test('other than CPython: a manager works without a server, and throws only after its end', () => {
  const manager = new SharedMemoryManager();
  const { name } = manager.sharedMemory(9);
  expect(exists(name)).toBe(true);
  manager[Symbol.dispose]();
  expect(exists(name)).toBe(false);
  expect(() => manager.sharedMemory(9)).toFailWith(ManagerClosedError, 'ERR_SHM_MANAGER_CLOSED');
});
