import type { Storable } from 'shareable';
import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { until } from '../support/until.ts';

describe('a segment', () => {
  test('of the parent is read and written by the child', async () => {
    using shm = SharedMemory.create(64);
    shm.buf.set([1, 2, 3]);
    await using child = forkFixture('cross-process/segment-peer.ts');
    expect(await child.ask('attach', shm.toJSON())).toEqual({ name: shm.name, size: 64, isOwner: false });
    expect(await child.ask('read', 0, 4)).toEqual(Uint8Array.of(1, 2, 3, 0));
    await child.ask('write', 60, Uint8Array.of(7, 8, 9, 10));
    expect([...shm.buf.subarray(60)]).toEqual([7, 8, 9, 10]);
    shm.buf[0] = 99;
    expect(await child.ask('read', 0, 1)).toEqual(Uint8Array.of(99));
  });

  test('of the child is read and written by the parent', async () => {
    await using child = forkFixture('cross-process/segment-peer.ts');
    using shm = SharedMemory.attach(await child.ask('create', 64));
    expect(shm.isOwner).toBe(false);
    await child.ask('write', 0, Uint8Array.of(5));
    expect(shm.buf[0]).toBe(5);
    shm.buf[1] = 6;
    expect(await child.ask('read', 0, 2)).toEqual(Uint8Array.of(5, 6));
    await child.ask('dispose');
  });

  test('is shared by several children, each of which writes its part', async () => {
    using shm = SharedMemory.create(4 * 1024);
    await using children = new AsyncDisposableStack();
    const peers = Array.from({ length: 4 }, () => children.use(forkFixture('cross-process/segment-peer.ts')));
    await Promise.all(
      peers.map(async (peer, index) => {
        await peer.ask('attach', shm.toJSON());
        await peer.ask('write', index * 1024, new Uint8Array(1024).fill(index + 1));
      }),
    );
    for (let part = 0; part < 4; part++) {
      expect(shm.buf.subarray(part * 1024, (part + 1) * 1024)).toEqual(new Uint8Array(1024).fill(part + 1));
    }
    expect(await peers[0]?.ask('read', 3 * 1024, 3 * 1024 + 2)).toEqual(Uint8Array.of(4, 4));
  });

  test('shows a write to a child that polls the byte', async () => {
    using shm = SharedMemory.create(64);
    await using child = forkFixture('cross-process/segment-peer.ts');
    await child.ask('attach', shm.toJSON());
    const spun = child.ask('spinUntil', 5, 1);
    await until(() => shm.buf[6] === 1);
    shm.buf[5] = 1;
    await spun;
    expect(shm.buf[5]).toBe(1);
  });
});

describe('a handle', () => {
  test('can be passed as an argument, in JSON', async () => {
    using shm = SharedMemory.create(64);
    shm.buf[0] = 21;
    const child = forkFixture('cross-process/argument.ts', { args: [JSON.stringify(shm)] });
    expect(await child.end()).toEqual({ code: 0, signal: null });
    expect(child.stdout).toBe('42');
    expect(shm.buf[0]).toBe(42);
  });

  test.each(['json', 'advanced'] as const)(
    'can be sent by process.send with serialization %s',
    async (serialization) => {
      using shm = SharedMemory.create(64);
      using list = ShareableList.create([1, 'two']);
      await using segmentPeer = forkFixture('cross-process/segment-peer.ts', { serialization });
      await using listPeer = forkFixture('cross-process/list-peer.ts', { serialization });
      expect(await segmentPeer.ask('attach', shm.toJSON())).toMatchObject({ size: 64 });
      expect(await listPeer.ask('attach', list.toJSON())).toBe(2);
    },
  );

  test('is what process.send with JSON makes of an instance', async () => {
    using shm = SharedMemory.create(64);
    using list = ShareableList.create([1, 'two']);
    await using segmentPeer = forkFixture('cross-process/segment-peer.ts', { serialization: 'json' });
    await using listPeer = forkFixture('cross-process/list-peer.ts', { serialization: 'json' });
    expect(await segmentPeer.ask('attach', shm)).toMatchObject({ name: shm.name });
    expect(await listPeer.ask('attach', list)).toBe(2);
  });
});

describe('a list', () => {
  const values: Storable[] = [1, -1.5, 2n ** 60n, true, null, 'naïve 🦀', Uint8Array.of(0, 255, 0), 'ends in NUL\0'];

  test('of the parent is read and written by the child, every type', async () => {
    using list = ShareableList.create(values);
    await using child = forkFixture('cross-process/list-peer.ts');
    await child.ask('attach', list.toJSON());
    expect(await child.ask('toArray')).toEqual(values);
    expect(await child.ask('format')).toBe(list.format);
    for (let index = 0; index < values.length; index++) {
      for (const value of [5, 0.5, -(2n ** 60n), false, null, 'text', Uint8Array.of(1)]) {
        await child.ask('set', index, value);
        expect(list.get(index)).toEqual(value);
      }
    }
    list.set(0, 'parent');
    expect(await child.ask('get', 0)).toBe('parent');
    expect(await child.ask('indexOf', 'parent')).toBe(0);
  });

  test('of the child is read and written by the parent', async () => {
    await using child = forkFixture('cross-process/list-peer.ts');
    using list = ShareableList.attach<Storable>(await child.ask('create', values));
    expect(list.toArray()).toEqual(values);
    list.set(-1, 'short');
    expect(await child.ask('get', -1)).toBe('short');
    await child.ask('dispose');
  });

  test.each<[string, Storable, Storable]>([
    ['a number', 0, 1],
    ['a number that becomes text', 0, 'done'],
    ['text', 'waiting', 'done'],
    ['null', null, 1.5],
  ])('shows a write to a child that polls %s', async (_, before, after) => {
    using list = ShareableList.create<Storable>([before, 'not spinning']);
    await using child = forkFixture('cross-process/list-peer.ts');
    await child.ask('attach', list.toJSON());
    const spun = child.ask('spinWhile', 0, before);
    await until(() => list.get(1) === 'spinning');
    list.set(0, after);
    expect(await spun).toBe(after);
  });

  test('throws the same errors in the child as in the parent', async () => {
    using list = ShareableList.create(['8 bytes']);
    await using child = forkFixture('cross-process/list-peer.ts');
    await child.ask('attach', list.toJSON());
    await expect(child.ask('get', 1)).rejects.toMatchObject({
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringMatching(/^index out of range: index /),
    });
    await expect(child.ask('set', 0, 'more than 8 bytes')).rejects.toMatchObject({
      name: 'SlotFullError',
      code: 'ERR_SHM_SLOT_FULL',
      message: expect.stringContaining('exceeds available storage'),
    });
    expect(list.get(0)).toBe('8 bytes');
  });
});
