import { Lock, ShareableList } from 'shareable';
import { expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';

async function peers(stack: AsyncDisposableStack, count: number, lock: Lock, list: ShareableList<number>) {
  const all = Array.from({ length: count }, () => stack.use(forkFixture('lock/peer.ts')));
  await Promise.all(all.map((peer) => peer.ask('attach', lock.toJSON(), list.toJSON())));
  return all;
}

test.each([2, 4])('%i processes increment under the lock, and no increment is lost', async (count) => {
  const times = 40_000;
  using lock = Lock.create();
  using list = ShareableList.create([0]);
  await using stack = new AsyncDisposableStack();
  const children = await peers(stack, count, lock, list);
  const recoveries = await Promise.all(children.map((child) => child.ask('addMany', times)));
  expect(recoveries).toEqual(children.map(() => 0));
  expect(list.get(0)).toBe(count * times);
});

test('three processes that wait without blocking, and one that blocks, exclude each other', async () => {
  const times = 1000;
  using lock = Lock.create();
  using list = ShareableList.create([0]);
  await using stack = new AsyncDisposableStack();
  const children = await peers(stack, 4, lock, list);
  await Promise.all(children.map((child, index) => child.ask(index === 0 ? 'addMany' : 'addManyAsync', times)));
  expect(list.get(0)).toBe(4 * times);
});

test('a process that waits gets the lock as soon as it is released', async () => {
  using lock = Lock.create();
  await using child = forkFixture('lock/peer.ts');
  await child.ask('attach', lock.toJSON());
  await child.ask('acquire');
  expect(lock.tryAcquire()).toBeNull();
  const waiting = lock.acquireAsync();
  await child.ask('release');
  using guard = await waiting;
  expect(guard.recovered).toBe(false);
});

test('a lock can be attached to by name and by handle', async () => {
  using lock = Lock.create();
  await using child = forkFixture('lock/peer.ts');
  await child.ask('attach', lock.name);
  using _guard = lock.acquire();
  await expect(child.ask('acquire', 0)).rejects.toMatchObject({ name: 'LockTimeoutError', code: 'ETIMEDOUT' });
  await expect(child.ask('acquire', 20)).rejects.toMatchObject({ name: 'LockTimeoutError', code: 'ETIMEDOUT' });
});
