import { truncateSync, writeFileSync } from 'node:fs';

import { LayoutError, SegmentNotFoundError, SharedMemory, SharedMemoryError } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { bytesOf, exists, freshName, pathOf } from '../support/segments.ts';

describe('attach', () => {
  test('opens a segment by its name', () => {
    using shm = SharedMemory.create(100);
    using same = SharedMemory.attach(shm.name);
    expect(same).toMatchObject({ name: shm.name, size: 100, isOwner: false, closed: false });
  });

  test('opens a segment by its handle, also after JSON', () => {
    using shm = SharedMemory.create(100);
    using first = SharedMemory.attach(shm.toJSON());
    using second = SharedMemory.attach(JSON.parse(JSON.stringify(shm)));
    shm.buf[99] = 42;
    expect([first.buf[99], second.buf[99]]).toEqual([42, 42]);
  });

  test('shows the writes of each attachment to all others', () => {
    using one = SharedMemory.create(16);
    using two = SharedMemory.attach(one.name);
    using three = SharedMemory.attach(one.name);
    one.buf[0] = 1;
    two.buf[1] = 2;
    three.buf[2] = 3;
    for (const { buf } of [one, two, three]) expect([...buf.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect([...bytesOf(one.name).subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  test('gives each attachment a mapping of its own, so that closing one leaves the others', () => {
    using one = SharedMemory.create(16);
    using two = SharedMemory.attach(one.name);
    one.buf[0] = 1;
    two.close();
    expect(one.buf[0]).toBe(1);
    one.close();
    using three = SharedMemory.attach(one.name);
    expect(three.buf[0]).toBe(1);
  });

  test('fails with ENOENT when the segment does not exist', () => {
    const name = freshName();
    expect(() => SharedMemory.attach(name)).toFailWith(SegmentNotFoundError, 'ENOENT', name);
    expect(() => SharedMemory.attach({ type: 'SharedMemory', name })).toFailWith(SegmentNotFoundError, 'ENOENT', name);
    expect(exists(name)).toBe(false);
  });

  test('fails with ENOENT after unlink, while others still use the segment', () => {
    using shm = SharedMemory.create(16);
    shm.unlink();
    expect(() => SharedMemory.attach(shm.name)).toFailWith(SegmentNotFoundError, 'ENOENT');
    shm.buf[0] = 1;
    expect(shm.buf[0]).toBe(1);
  });

  test('never unlinks: neither at close, nor at dispose, nor at the end of its scope', () => {
    using shm = SharedMemory.create(16);
    {
      using _attached = SharedMemory.attach(shm.name);
    }
    const attached = SharedMemory.attach(shm.name);
    attached.close();
    attached[Symbol.dispose]();
    expect(exists(shm.name)).toBe(true);
  });

  test.skipIf(!platform.hasShmFolder)('opens any file in its actual size', () => {
    const name = freshName();
    writeFileSync(pathOf(name), 'made by another program', { mode: 0o600 });
    using shm = SharedMemory.attach(name);
    expect(shm.size).toBe(23);
    expect(Buffer.from(shm.buffer).toString()).toBe('made by another program');
    shm.unlink();
  });

  test('can unlink', () => {
    using shm = SharedMemory.create(16);
    using attached = SharedMemory.attach(shm.name);
    attached.unlink();
    expect(exists(shm.name)).toBe(false);
    expect(() => shm.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test.skipIf(!platform.hasShmFolder)('gives up on an empty segment', () => {
    const name = freshName();
    writeFileSync(pathOf(name), '', { mode: 0o600 });
    expect(() => SharedMemory.attach(name)).toThrow(SharedMemoryError);
    expect(() => SharedMemory.attach(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'empty');
    // What its maker was about to do.
    truncateSync(pathOf(name), 64);
    using shm = SharedMemory.attach(name);
    expect(shm.size).toBe(64);
    shm.unlink();
  });
});
