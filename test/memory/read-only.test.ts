import { SegmentAccessError, ShareableList, SharedMemory, pageSize } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { bytesOf, exists } from '../support/segments.ts';

describe.skipIf(!platform.hasReadOnly)('a read-only attachment', () => {
  test('sees what others write', () => {
    using shm = SharedMemory.create(2 * pageSize);
    using reader = SharedMemory.attach(shm.name, { readOnly: true });
    expect([shm.isReadOnly, reader.isReadOnly]).toEqual([false, true]);
    shm.buf[0] = 1;
    shm.buf[pageSize] = 2;
    expect([reader.buf[0], reader.buf[pageSize]]).toEqual([1, 2]);
    shm.buf[0] = 3;
    expect(reader.buf[0]).toBe(3);
  });

  test('takes writes that never reach the segment', () => {
    using shm = SharedMemory.create(2 * pageSize);
    using reader = SharedMemory.attach(shm.name, { readOnly: true });
    reader.buf.fill(0xff);
    reader.array(Float64Array)[1] = 1;
    Atomics.store(reader.array(Int32Array), 0, 1);
    expect(bytesOf(shm.name)).toEqual(Buffer.alloc(2 * pageSize));
    expect(shm.buf).toEqual(new Uint8Array(2 * pageSize));
  });

  test('keeps seeing the pages that it did not write to', () => {
    using shm = SharedMemory.create(2 * pageSize);
    using reader = SharedMemory.attach(shm.name, { readOnly: true });
    reader.buf[0] = 1;
    shm.buf[pageSize] = 2;
    expect(reader.buf[pageSize]).toBe(2);
  });

  test('closes like any other', () => {
    using shm = SharedMemory.create(64);
    const reader = SharedMemory.attach(shm.name, { readOnly: true });
    const { buf } = reader;
    reader[Symbol.dispose]();
    expect(buf).toHaveLength(0);
    expect(exists(shm.name)).toBe(true);
  });

  test('of a segment whose mode forbids writing is possible', () => {
    using shm = SharedMemory.create(64, { mode: 0o400 });
    shm.buf[0] = 1;
    using reader = SharedMemory.attach(shm.name, { readOnly: true });
    expect(reader.buf[0]).toBe(1);
  });
});

describe.skipIf(!platform.hasReadOnly)('a list that was attached read-only', () => {
  test('can be read', () => {
    using list = ShareableList.create([1, 'two', null]);
    using reader = ShareableList.attach(list.name, { readOnly: true });
    expect(reader.toArray()).toEqual([1, 'two', null]);
    list.set(0, 3);
    expect(reader.get(0)).toBe(3);
    expect(reader.indexOf('two')).toBe(1);
  });

  test.each([
    ['a number', 0, 2],
    ['a bigint', 0, 2n],
    ['a double', 1, 2.5],
    ['a bool', 2, false],
    ['null', 3, null],
    ['text', 4, 'other'],
    ['bytes', 5, Uint8Array.of(1)],
    ['another type', 0, 'text'],
  ])('refuses to set %s', (_, index, value) => {
    using list = ShareableList.create([1, 1.5, true, null, 'text', Uint8Array.of(2)]);
    using reader = ShareableList.attach(list.name, { readOnly: true });
    const before = bytesOf(list.name);
    expect(() => reader.set(index, value)).toFailWith(SegmentAccessError, 'EACCES', 'read-only');
    expect(bytesOf(list.name)).toEqual(before);
    expect(reader.toArray()).toEqual(list.toArray());
  });

  test('refuses to add', () => {
    using list = ShareableList.create([1]);
    using reader = ShareableList.attach(list.name, { readOnly: true });
    expect(() => reader.add(0, 1)).toFailWith(SegmentAccessError, 'EACCES', 'read-only');
    expect(list.get(0)).toBe(1);
  });
});
