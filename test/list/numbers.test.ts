/** Numbers, bigints, bools and null: what each is stored as, and what comes back. */
import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

const MAX = Number.MAX_SAFE_INTEGER;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

describe('a number', () => {
  test.each([0, 1, -1, 255, 256, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 32 - 1, -(2 ** 32), MAX - 1, MAX])(
    'that is the safe integer %d is stored as q and comes back',
    (value) => {
      using list = ShareableList.create([value, -value || 0]);
      expect(list.format).toBe('qq');
      expect(list.toArray()).toEqual([value, -value || 0]);
    },
  );

  test.each([
    0.5,
    -0,
    -1.25,
    Number.NaN,
    Infinity,
    -Infinity,
    Number.MIN_VALUE,
    Number.EPSILON,
    Number.MAX_VALUE,
    2 ** 53,
    -(2 ** 53),
    2 ** 63,
    2 ** 64,
    1e300,
  ])('that is %d is stored as d and comes back', (value) => {
    using list = ShareableList.create([value]);
    expect(list.format).toBe('d');
    expect(list.get(0)).toBe(value);
  });

  test.each([1, 1.5, -0, Number.NaN, Infinity, 2 ** 53, MAX, -MAX, 0])(
    'that is %d comes back as itself from slots of every kind',
    (value) => {
      using list = ShareableList.create<Storable>([1, 1.5, 5n, true, 'some', null]);
      for (let slot = 0; slot < list.length; slot++) list.set(slot, value);
      for (const found of list) expect(found).toBe(value);
    },
  );

  test('written to a d slot stays a d', () => {
    using list = ShareableList.create([1.5]);
    for (const value of [2, 0, -7, MAX]) {
      list.set(0, value);
      expect([list.get(0), list.format]).toEqual([value, 'd']);
    }
  });

  test('with a fraction turns a q slot into a d slot', () => {
    using list = ShareableList.create([1]);
    list.set(0, 1.5);
    expect([list.get(0), list.format]).toEqual([1.5, 'd']);
    list.set(0, 3);
    expect([list.get(0), list.format]).toEqual([3, 'd']);
  });

  test('past the safe integers turns a q slot into a d slot', () => {
    using list = ShareableList.create([1]);
    list.set(0, 2 ** 60);
    expect([list.get(0), list.format]).toEqual([2 ** 60, 'd']);
  });

  test('that is NaN is stored as the bits that CPython stores for float("nan")', () => {
    using list = ShareableList.create([Number.NaN, 1.5]);
    list.set(1, Number.NaN);
    const bits = list.shm.array(BigUint64Array, 8 + 3 * 8, 2);
    expect([...bits]).toEqual([0x7ff8_0000_0000_0000n, 0x7ff8_0000_0000_0000n]);
  });

  test('that is NaN comes back as NaN for all NaN bits of another writer', () => {
    using list = ShareableList.create([1.5, 2.5]);
    // Engines use NaNs of their own for holes in arrays; none of them may come out as something else.
    for (const bits of [
      0xfff7_ffff_fff7_ffffn,
      0xffff_ffff_ffff_ffffn,
      0x7ff0_0000_0000_0001n,
      0xfff8_0000_dead_beefn,
    ]) {
      list.shm.array(BigUint64Array, 8 + 3 * 8, 2).fill(bits);
      expect([list.get(0), list.toArray(), list.at(1), list.indexOf(Number.NaN)]).toEqual([
        Number.NaN,
        [Number.NaN, Number.NaN],
        Number.NaN,
        0,
      ]);
    }
  });
});

describe('a bigint', () => {
  test.each([0n, 1n, -1n, BigInt(MAX), -BigInt(MAX)])('that is %d comes back as a number', (value) => {
    using list = ShareableList.create([value]);
    expect(list.format).toBe('q');
    expect(list.get(0)).toBe(Number(value));
  });

  test.each([2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), INT64_MAX, INT64_MIN, 2n ** 62n + 1n])(
    'that is %d comes back as a bigint',
    (value) => {
      using list = ShareableList.create([value]);
      expect(list.format).toBe('q');
      expect(list.get(0)).toBe(value);
      list.set(0, 0n);
      list.set(0, value);
      expect(list.get(0)).toBe(value);
    },
  );

  test('turns a d slot into a q slot', () => {
    using list = ShareableList.create<number | bigint>([1.5]);
    list.set(0, 3n);
    expect([list.get(0), list.format]).toEqual([3, 'q']);
  });

  test.each([INT64_MAX + 1n, INT64_MIN - 1n, 2n ** 64n, -(2n ** 64n), 2n ** 70n])(
    'that is %d is a RangeError that names its index',
    (value) => {
      expect(() => ShareableList.create([1, value])).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'item 1');
      using list = ShareableList.create<number | bigint | string>([1, 1.5, 'abc']);
      for (let slot = 0; slot < 3; slot++) {
        expect(() => list.set(slot, value)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', `item ${slot}`);
      }
      expect(list.toArray()).toEqual([1, 1.5, 'abc']);
      expect(list.format).toBe('qd8s');
    },
  );
});

describe('a bool', () => {
  test('has its format and is never a number', () => {
    using list = ShareableList.create([true, false]);
    expect(list.format).toBe('xxxxxxx?xxxxxxx?');
    expect(list.toArray()).toEqual([true, false]);
    list.set(0, false);
    list.set(1, true);
    expect(list.toArray()).toEqual([false, true]);
  });

  test('replaces any value', () => {
    using list = ShareableList.create<Storable>([7, -1.5, 'text', null, Uint8Array.of(255)]);
    for (const value of [true, false]) {
      for (let slot = 0; slot < list.length; slot++) list.set(slot, value);
      expect(list.toArray()).toEqual([value, value, value, value, value]);
      expect(list.format).toBe('xxxxxxx?'.repeat(5));
    }
  });
});

describe('null', () => {
  test('has its format and comes back', () => {
    using list = ShareableList.create([null]);
    expect(list.format).toBe('xxxxxx?x');
    expect(list.get(0)).toBeNull();
  });

  test('replaces any value, and any value replaces it', () => {
    using list = ShareableList.create<Storable>([7, 'text', true, Uint8Array.of(1)]);
    for (let slot = 0; slot < list.length; slot++) list.set(slot, null);
    expect(list.toArray()).toEqual([null, null, null, null]);
    list.set(0, 'seven');
    list.set(1, 1.5);
    list.set(2, Uint8Array.of(2));
    list.set(3, -1);
    expect(list.toArray()).toEqual(['seven', 1.5, Uint8Array.of(2), -1]);
    expect(list.format).toBe('8sd8sq');
  });
});

test('every pair of kinds can follow one another in a slot', () => {
  const values: Storable[] = [
    1,
    -1,
    2.5,
    2n ** 60n,
    true,
    false,
    null,
    'abc',
    'sieben7',
    Uint8Array.of(1, 2, 3),
    '',
    new Uint8Array(0),
  ];
  for (const first of values) {
    for (const second of values) {
      using list = ShareableList.create<Storable>([first]);
      list.set(0, second);
      expect(list.get(0)).toEqual(second);
      using fresh = ShareableList.create<Storable>([null]);
      fresh.set(0, first);
      fresh.set(0, second);
      expect(fresh.get(0)).toEqual(second);
    }
  }
});
