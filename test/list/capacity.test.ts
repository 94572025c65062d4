/** The sizes of slots: what `capacity` says, and how `slot` chooses them. */
import type { Storable } from 'shareable';
import { LayoutError, SegmentClosedError, ShareableList, SlotFullError, slot } from 'shareable';
import { describe, expect, test } from 'vitest';

import { exists, freshName } from '../support/segments.ts';

describe('capacity', () => {
  test('is the size of a slot in bytes, whatever it holds now', () => {
    using list = ShareableList.create<Storable>([1, null, '', '12345678', new Uint8Array(100)]);
    const capacities = () => Array.from(list.keys(), (index) => list.capacity(index));
    expect(capacities()).toEqual([8, 8, 8, 16, 104]);
    for (const index of list.keys()) list.set(index, null);
    expect(capacities()).toEqual([8, 8, 8, 16, 104]);
    expect(list.capacity(-1)).toBe(104);
  });

  test('is exactly what set can put there', () => {
    using list = ShareableList.create(['é'.repeat(10)]);
    const capacity = list.capacity(0);
    list.set(0, 'x'.repeat(capacity));
    expect(() => list.set(0, 'x'.repeat(capacity + 1))).toFailWith(
      SlotFullError,
      'ERR_SHM_SLOT_FULL',
      `has ${capacity}`,
    );
    expect(list.get(0)).toBe('x'.repeat(capacity));
  });

  test('fails for an invalid index, for a damaged slot, and after close', () => {
    using list = ShareableList.create([1, 2]);
    expect(() => list.capacity(2)).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      /^index out of range: index 2, length 2$/,
    );
    expect(() => list.capacity(0.5)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'integer');
    list.shm.array(BigInt64Array)[2] = 3n;
    expect(() => list.capacity(0)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
    list.close();
    expect(() => list.capacity(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
  });
});

describe('slot', () => {
  test('makes a slot of that many bytes, with the value in it', () => {
    const values = [slot(16_384, '{}'), 1, slot(24, null), slot(64, 1.5), slot(17, Uint8Array.of(1)), slot(8, 2n)];
    using list = ShareableList.create<Storable>(values);
    expect(list.toArray()).toEqual(['{}', 1, null, 1.5, Uint8Array.of(1), 2]);
    expect(Array.from(list.keys(), (index) => list.capacity(index))).toEqual([16_384, 8, 24, 64, 24, 8]);
    expect(list.format).toBe('16384sqxxxxxx?xd24sq');
    const text = JSON.stringify({ text: 'é'.repeat(8000) });
    list.set(0, text);
    list.set(2, 'no longer null');
    expect([list.get(0), list.get(2)]).toEqual([text, 'no longer null']);
  });

  test('can be filled to its last byte, also with NULs', () => {
    using list = ShareableList.create<Storable>([slot(131_072, '')]);
    const record = new Uint8Array(131_072).fill(1, 0, -1);
    list.set(0, record);
    expect(Buffer.from(list.get(0) as Uint8Array).equals(record)).toBe(true);
  });

  test('can be the largest that a list can have', () => {
    using list = ShareableList.create([slot(9_999_992, 'x')]);
    expect(list.capacity(0)).toBe(9_999_992);
    expect(list.format).toBe('9999992s');
  });

  test.each([0, -8, 0.5, Number.NaN, Infinity, 9_999_993, 2 ** 32 + 8])('of %d bytes is a RangeError', (bytes) => {
    expect(() => slot(bytes, 'x')).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'the size of a slot');
  });

  test.each([['8'], [8n], [null], [undefined]])('of %o bytes is a TypeError', (bytes) => {
    expect(() => slot(bytes as never, 'x')).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'the size of a slot');
  });

  test('with a value that is longer is a SlotFullError, and leaves no list', () => {
    const name = freshName();
    const values = [1, slot(8, 'nine bytes')];
    expect(() => ShareableList.create(values, { name })).toFailWith(SlotFullError, 'ERR_SHM_SLOT_FULL', 'slot 1');
    expect(exists(name)).toBe(false);
  });

  test('with what no list can hold is refused by create, with its index', () => {
    const values = [1, slot(8, {} as never)];
    expect(() => ShareableList.create(values)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'item 1');
  });
});
