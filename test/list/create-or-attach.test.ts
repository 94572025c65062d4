import { statSync } from 'node:fs';

import { LayoutError, ShareableList, SharedMemory, slot } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';
import { forkFixture } from '../support/fork-fixture.ts';

describe('createOrAttach of a list', () => {
  test('creates a list that is not there, and owns it', () => {
    const name = freshName();
    {
      using list = ShareableList.createOrAttach(name, [1, 'two', slot(64, '')]);
      expect([list.name, list.shm.isOwner]).toEqual([name, true]);
      expect(list.toArray()).toEqual([1, 'two', '']);
      expect(list.capacity(2)).toBe(64);
    }
    expect(exists(name)).toBe(false);
  });

  test('attaches to a list that is there, keeps what it holds, and does not own it', () => {
    using owner = ShareableList.create<string | number>([7, 'old', 3], { name: freshName() });
    {
      using list = ShareableList.createOrAttach(owner.name, [0, '']);
      expect([list.length, list.shm.isOwner]).toEqual([3, false]);
      expect(list.toArray()).toEqual([7, 'old', 3]);
    }
    expect(exists(owner.name)).toBe(true);
  });

  test('refuses a list with fewer slots, and leaves it as it is', () => {
    using owner = ShareableList.create([1, 2], { name: freshName() });
    const message = `list '${owner.name}' exists with 2 slots, fewer than the 3 values given`;
    expect(() => ShareableList.createOrAttach(owner.name, [0, 0, 0])).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      message,
    );
    expect(owner.toArray()).toEqual([1, 2]);
  });

  test('refuses a segment that holds no list', () => {
    using shm = SharedMemory.create(100, { name: freshName() });
    shm.buf.fill(0xff);
    expect(() => ShareableList.createOrAttach(shm.name, [1])).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
    expect(exists(shm.name)).toBe(true);
  });

  test('refuses a bad name and values that no list can hold, before it looks', () => {
    expect(() => ShareableList.createOrAttach(5 as never, [1])).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'name');
    const name = freshName();
    expect(() => ShareableList.createOrAttach(name, [{}] as never)).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'item 0',
    );
    expect(exists(name)).toBe(false);
  });

  test.skipIf(!platform.controlsShmFolder)('takes track and mode as create does', () => {
    const name = freshName();
    {
      using list = ShareableList.createOrAttach(name, [1], { track: false, mode: 0o400 });
      expect(list.shm.isOwner).toBe(false);
      expect(statSync(pathOf(name)).mode & 0o777).toBe(0o400);
    }
    ShareableList.attach(name)[Symbol.dispose]();
    SharedMemory.attach(name).unlink();
  });

  test('by many processes at once makes one list with one owner, and all see all values', async () => {
    const name = freshName();
    await using peers = new AsyncDisposableStack();
    const length = 5000;
    const all = Array.from({ length: 6 }, () => peers.use(forkFixture('cross-process/list-peer.ts')));
    const opened = await Promise.all(all.map((peer) => peer.ask<[boolean, number]>('createOrAttach', name, length)));
    expect(opened.map(([isOwner]) => isOwner).filter(Boolean)).toHaveLength(1);
    expect(opened.map(([, sum]) => sum)).toEqual(Array(6).fill((length * (length - 1)) / 2));
    await Promise.all(all.map((peer) => peer.ask('dispose')));
    expect(exists(name)).toBe(false);
  });
});
