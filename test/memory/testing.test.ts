/** `shareable/testing`. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { Lock, ShareableList, SharedArray, SharedMemory, SharedMemoryManager } from 'shareable';
import { segments } from 'shareable/testing';
import { expect, test } from 'vitest';

import { pathOfFixture } from '../support/fixtures.ts';
import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

test('a process that has disposed of everything holds nothing', () => {
  expect(segments()).toEqual([]);
  {
    using _shm = SharedMemory.create(8);
    using _list = ShareableList.create([1]);
    expect(segments()).toHaveLength(2);
  }
  expect(segments()).toEqual([]);
});

test.skipIf(!platform.tellsSegmentsApart)(
  'a segment is listed with its size, its owner, its mappings and the line that created it',
  () => {
    const name = freshName();
    using shm = SharedMemory.create(100, { name });
    const own = {
      name,
      size: shm.size,
      isOwned: true,
      mappings: 1,
      createdAt: expect.stringMatching(/testing\.test\.ts:\d+:\d+$/),
    };
    expect(segments()).toEqual([own]);
    using _second = SharedMemory.attach(name);
    expect(segments()).toEqual([{ ...own, mappings: 2 }]);
  },
);

test('what was closed but not unlinked is still owned', () => {
  using shm = SharedMemory.create(100);
  shm.close();
  expect(segments()).toMatchObject([{ name: shm.name, isOwned: true, mappings: 0 }]);
  shm.unlink();
  expect(segments()).toEqual([]);
});

test('what was unlinked but not closed is still mapped', () => {
  using shm = SharedMemory.create(100);
  shm.unlink();
  expect(segments()).toMatchObject([{ name: shm.name, isOwned: false, mappings: 1, createdAt: undefined }]);
});

test('every kind of object is listed, in the order of names', () => {
  using list = ShareableList.create([1]);
  using array = SharedArray.create([3], 'float64');
  using lock = Lock.create();
  using untracked = SharedMemory.create(8, { track: false });
  using manager = new SharedMemoryManager();
  using managed = manager.sharedMemory(8);
  const names = [list, array, lock, untracked, managed].map((object) => object.name);
  expect(segments().map(({ name }) => name)).toEqual(names.toSorted());
  expect(segments().find(({ name }) => name === untracked.name)?.isOwned).toBe(false);
  untracked.unlink();
});

test('the mappings of all threads count, until a thread ends', async () => {
  using shm = SharedMemory.create(64);
  using list = ShareableList.create([0]);
  using lock = Lock.create();
  const worker = new Worker(pathOfFixture('cross-process/handle-worker.ts'), { workerData: { shm, list, lock } });
  await once(worker, 'message');
  worker.postMessage({ shm, list, lock });
  await once(worker, 'exit');
  expect(segments().map(({ mappings }) => mappings)).toEqual([1, 1, 1]);
});

test('thousands of segments that come and go leave nothing behind', () => {
  for (let i = 0; i < 2000; i++) SharedMemory.create(8)[Symbol.dispose]();
  expect(segments()).toEqual([]);
});
