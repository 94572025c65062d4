import { ShareableList, SharedMemory } from 'shareable';
import { expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';

const TIMES = 200_000;

test.each([2, 4])('%i processes add to one slot, and no addition is lost', async (count) => {
  using list = ShareableList.create([0, 0]);
  await using children = new AsyncDisposableStack();
  const peers = Array.from({ length: count }, () => children.use(forkFixture('cross-process/list-peer.ts')));
  await Promise.all(peers.map((peer) => peer.ask('attach', list.toJSON())));
  const wrong = peers.map((peer, index) => peer.ask('addMany', 0, index % 2 === 0 ? 1 : 1n, TIMES / count));
  for (let time = 0; time < 1000; time++) list.add(0, 1);
  // Each process sees its own sums grow, whatever the others do.
  expect(await Promise.all(wrong)).toEqual(peers.map(() => 0));
  expect(list.toArray()).toEqual([TIMES + 1000, 0]);
});

test('two processes that add and subtract the same numbers end at the start value', async () => {
  using list = ShareableList.create([2n ** 62n]);
  await using up = forkFixture('cross-process/list-peer.ts');
  await using down = forkFixture('cross-process/list-peer.ts');
  await Promise.all([up.ask('attach', list.name), down.ask('attach', list.name)]);
  await Promise.all([up.ask('addMany', 0, 3, TIMES), down.ask('addMany', 0, -3, TIMES)]);
  expect(list.get(0)).toBe(2n ** 62n);
});

test('atomics on a view count exactly, over processes', async () => {
  using shm = SharedMemory.create(64);
  await using one = forkFixture('cross-process/segment-peer.ts');
  await using two = forkFixture('cross-process/segment-peer.ts');
  await Promise.all([one.ask('attach', shm.name), two.ask('attach', shm.name)]);
  await Promise.all([one.ask('addMany', 3, TIMES), two.ask('addMany', 3, TIMES)]);
  expect(shm.array(Int32Array)[3]).toBe(2 * TIMES);
});
