/** count, indexOf, includes: numbers and bigints by value, bytes by content, the rest strictly. */
import type { Storable } from 'shareable';
import { LayoutError, SegmentClosedError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** What a search finds in a list of one of each kind. */
const VALUES: Storable[] = [
  1,
  1.5,
  true,
  'a',
  bytes(97),
  null,
  2n ** 60n,
  Number.NaN,
  -0,
  '',
  bytes(),
  false,
  'é',
  1e300,
];

const expectations: [Storable, number][] = [
  [1, 0],
  [1n, 0],
  [1.5, 1],
  [true, 2],
  ['a', 3],
  [bytes(97), 4],
  [null, 5],
  [2n ** 60n, 6],
  [2 ** 60, 6],
  [Number.NaN, 7],
  [0, 8],
  [-0, 8],
  [0n, 8],
  ['', 9],
  [bytes(), 10],
  [false, 11],
  ['é', 12],
  [1e300, 13],
  [2, -1],
  [2n ** 60n + 1n, -1],
  ['A', -1],
  ['a\0', -1],
  ['e\u0301', -1],
  [bytes(97, 0), -1],
  [bytes(98), -1],
  ['1', -1],
  ['null', -1],
  [Infinity, -1],
];

describe('indexOf, includes and count', () => {
  test.each(expectations)('find %o at %i', (value, index) => {
    using list = ShareableList.create(VALUES);
    expect(list.indexOf(value)).toBe(index);
    expect(list.includes(value)).toBe(index >= 0);
    expect(list.count(value)).toBe(index >= 0 ? 1 : 0);
  });

  test('count every slot that holds the value, and find the first', () => {
    using list = ShareableList.create<Storable>([5, 'x', 5n, 5.5, 'x', 5, null, 'x']);
    expect([list.count(5), list.count('x'), list.count(null), list.count(6)]).toEqual([3, 3, 1, 0]);
    expect([list.indexOf('x'), list.indexOf(5)]).toEqual([1, 0]);
  });

  test('find a number in a q slot and in a d slot', () => {
    using list = ShareableList.create<Storable>([1.5, 7]);
    list.set(0, 7);
    expect([list.format, list.count(7), list.count(7n)]).toEqual(['dq', 2, 2]);
  });

  test('distinguish integers that are the same double', () => {
    using list = ShareableList.create<Storable>([2n ** 53n, 2n ** 53n + 1n, 2 ** 53]);
    expect(list.count(2n ** 53n)).toBe(2);
    expect(list.count(2n ** 53n + 1n)).toBe(1);
    expect(list.count(2 ** 53)).toBe(2);
    expect(list.indexOf(2n ** 53n + 1n)).toBe(1);
  });

  test('compare the ends of the integers and of the doubles exactly', () => {
    using list = ShareableList.create<Storable>([2n ** 63n - 1n, -(2n ** 63n), 2 ** 63, -(2 ** 63)]);
    expect(list.indexOf(2n ** 63n - 1n)).toBe(0);
    expect(list.indexOf(2 ** 63)).toBe(2);
    expect(list.count(-(2n ** 63n))).toBe(2);
    expect(list.count(-(2 ** 63))).toBe(2);
  });

  test('compare numbers and bigints by value at every magnitude', () => {
    const powers = Array.from({ length: 1024 }, (_, exponent) => exponent);
    using list = ShareableList.create<Storable>(powers.flatMap((exponent) => [2 ** exponent, -(2 ** exponent)]));
    const wrong = powers.filter((exponent) => {
      const value = 2n ** BigInt(exponent);
      return (
        list.indexOf(value) !== 2 * exponent ||
        list.indexOf(-value) !== 2 * exponent + 1 ||
        list.count(value) !== 1 ||
        !list.includes(-value) ||
        // No double is this.
        (exponent >= 53 && list.includes(value + 1n)) ||
        list.indexOf(2 ** exponent) !== 2 * exponent
      );
    });
    expect(wrong).toEqual([]);
    expect([list.includes(2n ** 1024n), list.includes(-(2n ** 5000n))]).toEqual([false, false]);
    using infinite = ShareableList.create<Storable>([Infinity, -Infinity, Number.NaN]);
    expect([infinite.includes(2n ** 5000n), infinite.includes(-(2n ** 5000n))]).toEqual([false, false]);
  });

  test('do not take true for 1, nor null for 0, nor text for bytes', () => {
    using numbers = ShareableList.create<Storable>([1, 0]);
    expect([numbers.count(true), numbers.count(false), numbers.count(null), numbers.count('1')]).toEqual([0, 0, 0, 0]);
    using texts = ShareableList.create<Storable>(['a', bytes(98)]);
    expect([texts.count(bytes(97)), texts.count('b'), texts.count('a'), texts.count(bytes(98))]).toEqual([0, 0, 1, 1]);
  });

  test.each([[undefined], [Symbol('x')], [{}], [[1]], [() => {}], [2n ** 63n], ['\ud800'], [new Int8Array(1)]])(
    'find nothing for %o, which a list cannot hold',
    (value) => {
      using list = ShareableList.create(VALUES);
      const never = value as never;
      expect([list.indexOf(never), list.includes(never), list.count(never)]).toEqual([-1, false, 0]);
    },
  );

  test('see the latest value of any writer', () => {
    using list = ShareableList.create<Storable>(['a', 1]);
    using other = ShareableList.attach<Storable>(list.name);
    other.set(0, 2);
    expect([list.indexOf(2), list.indexOf('a')]).toEqual([0, -1]);
  });

  test('compare long text to the last character', () => {
    const text = 'x'.repeat(10_000);
    using list = ShareableList.create([`${text}y`, `${text}z`]);
    expect(list.indexOf(`${text}z`)).toBe(1);
    expect(list.count(text)).toBe(0);
  });

  test('find nothing in an empty list', () => {
    using list = ShareableList.create<number>([]);
    expect([list.indexOf(1), list.includes(1), list.count(1)]).toEqual([-1, false, 0]);
  });

  test('fail at a damaged slot, and on a closed list', () => {
    using list = ShareableList.create([1, 2]);
    list.shm.buf.fill(0xee, 8 + 3 * 8 + 2 * 8);
    for (const search of [() => list.indexOf(9), () => list.includes(9), () => list.count(9)]) {
      expect(search).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
    }
    list.close();
    for (const search of [() => list.indexOf(9), () => list.includes(9), () => list.count(9)]) {
      expect(search).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    }
  });
});
