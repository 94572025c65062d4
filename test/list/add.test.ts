import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

describe('add', () => {
  test('adds to an integer and returns the sum', () => {
    using list = ShareableList.create([10]);
    expect(list.add(0, 5)).toBe(15);
    expect(list.add(-1, -20n)).toBe(-5);
    expect(list.add(0, 0)).toBe(-5);
    expect(list.add(0, -0)).toBe(-5);
    expect(list.get(0)).toBe(-5);
  });

  test('is visible to other attachments', () => {
    using list = ShareableList.create([0]);
    using other = ShareableList.attach<number>(list.name);
    list.add(0, 1);
    other.add(0, 1);
    expect([list.get(0), other.get(0)]).toEqual([2, 2]);
  });

  test('returns a bigint when the sum is not a safe integer', () => {
    using list = ShareableList.create([Number.MAX_SAFE_INTEGER]);
    expect(list.add(0, 1)).toBe(2n ** 53n);
    expect(list.add(0, -1)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([
    [INT64_MAX, 1],
    [INT64_MAX, INT64_MAX],
    [INT64_MIN, -1],
    [INT64_MIN, INT64_MIN],
    [-1n, INT64_MIN],
    [1n, INT64_MAX],
  ])('past int64, as in %d + %d, is a RangeError and changes nothing', (start, delta) => {
    using list = ShareableList.create<number | bigint>([start, 7]);
    expect(() => list.add(0, delta)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    expect(list.toArray()).toEqual([start === 1n || start === -1n ? Number(start) : start, 7]);
  });

  test('reaches both ends of int64', () => {
    using list = ShareableList.create([INT64_MAX - 1n, INT64_MIN + 1n]);
    expect(list.add(0, 1)).toBe(INT64_MAX);
    expect(list.add(1, -1)).toBe(INT64_MIN);
    expect(list.add(0, INT64_MIN)).toBe(-1);
  });

  test.each<[string, Storable]>([
    ['a fraction', 1.5],
    ['NaN', Number.NaN],
    ['a double past 64 bits', 2 ** 63],
    ['infinity', -Infinity],
    ['a bool', true],
    ['text', '1'],
    ['bytes', Uint8Array.of(1)],
    ['null', null],
  ])('to %s is a TypeError and changes nothing', (_, value) => {
    using list = ShareableList.create([value]);
    expect(() => list.add(0, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'slot 0');
    expect(list.get(0)).toEqual(value);
  });

  test('takes a whole number in a slot that holds a double for the integer that it is', () => {
    using list = ShareableList.create([0]);
    list.set(0, 0.5);
    list.set(0, 0);
    expect([list.add(0, 1), list.add(0, 41n), list.add(0, -50)]).toEqual([1, 42, -8]);
    expect([list.get(0), list.format]).toEqual([-8, 'd']);
    list.set(0, -0);
    expect(list.add(0, 0)).toBe(0);
    list.set(0, 2 ** 60);
    // As get does, and not as a bigint.
    expect([list.add(0, 1024), list.get(0)]).toEqual([2 ** 60 + 1024, 2 ** 60 + 1024]);
  });

  test.each<[number, number | bigint]>([
    [2 ** 53, 1],
    [-(2 ** 53), -1],
    [1, 2n ** 62n],
    [2 ** 62, INT64_MAX],
    [-(2 ** 63), -1024],
  ])('in a slot that holds the double %d, refuses to add %d, because no double is the sum', (start, delta) => {
    using list = ShareableList.create([0.5]);
    list.set(0, start);
    expect(() => list.add(0, delta)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'no double is exactly');
    expect(list.get(0)).toBe(start);
  });

  test.each([0.5, Number.NaN, Infinity, 2 ** 53, -(2 ** 53), INT64_MAX + 1n, INT64_MIN - 1n, 2n ** 64n])(
    'of %d is a RangeError',
    (delta) => {
      using list = ShareableList.create([1]);
      expect(() => list.add(0, delta)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'delta');
      expect(list.get(0)).toBe(1);
    },
  );

  test.each([['1'], [null], [undefined], [true], [{}], [Symbol('1')]])('of %o is a TypeError', (delta) => {
    using list = ShareableList.create([1]);
    expect(() => list.add(0, delta as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'delta');
    expect(list.get(0)).toBe(1);
  });

  test.each([1, -2, 2 ** 32, 0.5])('to the slot %d of one is a RangeError', (index) => {
    using list = ShareableList.create([1]);
    expect(() => list.add(index, 1)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'index');
  });
});
