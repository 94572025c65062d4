/** Creating segments off the event loop, and segments that get their memory page by page. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import {
  Channel,
  ChannelAbortedError,
  OutOfSharedMemoryError,
  SegmentExistsError,
  ShareableList,
  SharedMemory,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';
import { until } from '../support/until.ts';

const SIZE = 16 * 1024 * 1024;

describe('createAsync', () => {
  test('creates what create does, with the same options', async () => {
    const name = freshName();
    using shm = await SharedMemory.createAsync(SIZE, { name, track: true, mode: 0o600 });
    expect([shm.name, shm.size, shm.isOwner]).toEqual([name, SIZE, true]);
    shm.buf[SIZE - 1] = 5;
    using other = SharedMemory.attach(name);
    expect([other.buf[0], other.buf[SIZE - 1]]).toEqual([0, 5]);
  });

  test('makes a segment that its scope unlinks', async () => {
    const name = freshName();
    {
      await using _shm = await SharedMemory.createAsync(100, { name });
    }
    expect(exists(name)).toBe(false);
  });

  test('makes several at once', async () => {
    using stack = new DisposableStack();
    const segments = await Promise.all(Array.from({ length: 20 }, () => SharedMemory.createAsync(4096)));
    for (const shm of segments) stack.use(shm);
    expect(new Set(segments.map(({ name }) => name)).size).toBe(20);
  });

  test.skipIf(!platform.controlsShmFolder)('lets the event loop turn meanwhile', async () => {
    const loop = { turns: 0 };
    const timer = setInterval(() => (loop.turns += 1));
    // On a busy machine, this thread may not run while the other one works.
    for (let tries = 0; tries < 20 && loop.turns === 0; tries++) {
      using _shm = await SharedMemory.createAsync(16 * SIZE);
    }
    clearInterval(timer);
    expect(loop.turns).toBeGreaterThan(0);
  });

  test('rejects with the errors of create', async () => {
    await expect(SharedMemory.createAsync(2 ** 50)).rejects.toBeInstanceOf(OutOfSharedMemoryError);
    using shm = SharedMemory.create(64);
    await expect(SharedMemory.createAsync(64, { name: shm.name })).rejects.toBeInstanceOf(SegmentExistsError);
    await expect(SharedMemory.createAsync(0)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    await expect(SharedMemory.createAsync(64, { signal: 5 as never })).rejects.toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  test('takes the signal of another realm, such as that of jsdom', async () => {
    const signal = Object.assign(new EventTarget(), { aborted: false }) as AbortSignal;
    using shm = await SharedMemory.createAsync(64, { signal });
    expect(shm.size).toBe(64);
    using channel = Channel.create();
    const waiting = channel.receiveAsync({ signal });
    signal.dispatchEvent(new Event('abort'));
    await expect(waiting).rejects.toThrow(ChannelAbortedError);
  });

  test('creates nothing when its signal is aborted before', async () => {
    const name = freshName();
    const reason = new Error('no longer needed');
    await expect(SharedMemory.createAsync(64, { name, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(exists(name)).toBe(false);
  });

  test.each([true, false])('leaves nothing when its signal is aborted while it works (track: %s)', async (track) => {
    const name = freshName();
    const controller = new AbortController();
    const created = SharedMemory.createAsync(16 * SIZE, { name, track, signal: controller.signal });
    const reason = new Error('no longer needed');
    controller.abort(reason);
    await expect(created).rejects.toBe(reason);
    expect(exists(name)).toBe(false);
  });
});

describe.skipIf(!platform.hasShmFolder)('a thread that is terminated', () => {
  test('leaves none of the segments that were created for it and that it did not get', async () => {
    const names = Array.from({ length: 5 }, () => freshName());
    const worker = new Worker(new URL('fixtures/create-async-worker.ts', import.meta.url), { workerData: names });
    const [got] = (await once(worker, 'message')) as [string];
    await until(() => names.every(exists));
    await worker.terminate();
    await until(() => names.filter(exists).length <= 1);
    expect(names.filter(exists)).toEqual([got]);
    using left = SharedMemory.attach(got);
    left.unlink();
  });
});

describe('an aborted creation', () => {
  test('throws the reason of its signal also when another process has removed the name', async () => {
    const name = freshName();
    const controller = new AbortController();
    const created = SharedMemory.createAsync(64, { name, signal: controller.signal });
    const reason = new Error('no longer needed');
    // The segment gets its name on another thread, and this one learns of it when its event loop turns.
    while (!exists(name));
    using other = SharedMemory.attach(name);
    other.unlink();
    controller.abort(reason);
    await expect(created).rejects.toBe(reason);
    expect(exists(name)).toBe(false);
  });
});

describe.skipIf(!platform.hasShmFolder)('a sparse segment', () => {
  const blocks = (name: string) => statSync(pathOf(name)).blocks * 512;

  test('takes memory for the pages that were touched', () => {
    using shm = SharedMemory.create(SIZE, { sparse: true });
    expect([shm.size, blocks(shm.name)]).toEqual([SIZE, 0]);
    shm.buf[SIZE / 2] = 1;
    expect(blocks(shm.name)).toBeLessThan(SIZE);
    using other = SharedMemory.attach(shm.name);
    expect([other.buf[0], other.buf[SIZE / 2]]).toEqual([0, 1]);
  });

  test('can be larger than the mount', () => {
    using shm = SharedMemory.create(2 ** 40, { sparse: true });
    expect(shm.size).toBe(2 ** 40);
  });

  test('can hold a list', () => {
    using list = ShareableList.create([1, 'two'], { sparse: true });
    expect(list.toArray()).toEqual([1, 'two']);
  });

  test('can be made off the event loop', async () => {
    using shm = await SharedMemory.createAsync(SIZE, { sparse: true });
    expect(blocks(shm.name)).toBe(0);
  });
});

test('the option sparse must be a boolean', () => {
  expect(() => SharedMemory.create(64, { sparse: 1 as never })).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'sparse');
});
