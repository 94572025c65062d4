/** The bytes themselves: the order of CPython's `struct` formats, written down here by hand. */
import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { float64, int64, listBytes, padded } from '../support/list-bytes.ts';
import { bytesOf } from '../support/segments.ts';

const BOOL = 'xxxxxxx?';
const NONE = 'xxxxxx?x';

const GOLDEN = listBytes({
  offsets: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80],
  data: Buffer.concat([
    int64(-2),
    float64(0.1),
    Buffer.of(0, 0, 0, 0, 0, 0, 0, 1),
    Buffer.alloc(8),
    Buffer.alloc(8),
    padded('héllo', 8),
    padded(Uint8Array.of(1, 2, 3), 8),
    int64(2n ** 62n),
    padded('12345678', 16),
  ]),
  formats: ['q', 'd', BOOL, BOOL, NONE, '8s', '8s', 'q', '16s'],
  codes: [0, 0, 0, 0, 3, 1, 2, 0, 1],
});
const VALUES = [-2, 0.1, true, false, null, 'héllo', Uint8Array.of(1, 2, 3), 2n ** 62n, '12345678'];

describe('the bytes of a list', () => {
  test('are those that CPython would have written', () => {
    using list = ShareableList.create(VALUES);
    expect(bytesOf(list.name)).toEqual(GOLDEN);
  });

  test('can be written by hand', () => {
    using shm = SharedMemory.create(GOLDEN.length);
    shm.buf.set(GOLDEN);
    using list = ShareableList.attach(shm.name);
    expect(list.toArray()).toEqual(VALUES);
    expect(list.format).toBe(`qd${BOOL}${BOOL}${NONE}8s8sq16s`);
  });

  test('of no values are a length and an offset', () => {
    using list = ShareableList.create([]);
    expect(bytesOf(list.name)).toEqual(Buffer.alloc(16));
  });

  test('of a value that ends in NUL have its exact length in the format', () => {
    using list = ShareableList.create(['ab\0']);
    const parts = { offsets: [0, 8], data: padded('ab\0', 8), formats: ['3s5x'], codes: [1] };
    expect(bytesOf(list.name)).toEqual(listBytes(parts));
  });

  test('after a change of type are those of the new type, in the old slot', () => {
    using list = ShareableList.create<string | number | null>(['twelve bytes', 1]);
    list.set(0, 1.5);
    list.set(1, null);
    const found = bytesOf(list.name);
    expect(found.subarray(0, 8 + 3 * 8)).toEqual(Buffer.concat([2, 0, 16, 24].map(int64)));
    expect(found.subarray(32, 40)).toEqual(float64(1.5));
    expect(found.subarray(48, 56)).toEqual(Buffer.alloc(8));
    expect(found.subarray(56, 72)).toEqual(Buffer.concat([padded('d', 8), padded(NONE, 8)]));
    expect([...found.subarray(72)]).toEqual([0, 3]);
  });

  test('after the list do not matter', () => {
    using shm = SharedMemory.create(GOLDEN.length + 1000);
    shm.buf.fill(0xff);
    shm.buf.set(GOLDEN);
    using list = ShareableList.attach(shm.name);
    expect(list.toArray()).toEqual(VALUES);
  });
});
