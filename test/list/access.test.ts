/** get, set and at: which index means which slot, and what is refused. */
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { bytesOf } from '../support/segments.ts';

const PAST_THE_END = [3, -4, 100, -100, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 32 + 1, 2 ** 53, -(2 ** 53)];
const NO_INDEX = [0.5, -0.5, 1e-9, Number.NaN, Infinity, -Infinity];
const WRONG_TYPES: [unknown][] = [['0'], [0n], [null], [undefined], [true], [[0]], [{}], [Symbol('0')]];

describe('get', () => {
  test('counts from the start, and from the end with a negative index', () => {
    using list = ShareableList.create(['a', 'b', 'c']);
    const indexes = [-0, 0, 1, 2, -1, -2, -3, -0];
    expect(indexes.map((index) => list.get(index))).toEqual(['a', 'a', 'b', 'c', 'c', 'b', 'a', 'a']);
  });

  test.each(PAST_THE_END)("refuses index %d of three with CPython's message", (index) => {
    using list = ShareableList.create(['a', 2, null]);
    expect(() => list.get(index)).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `index out of range: index ${index}, length 3`,
    );
  });

  test.each(NO_INDEX)('refuses %d, which is not an index', (index) => {
    using list = ShareableList.create(['a', 2, null]);
    expect(() => list.get(index)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'index');
  });

  test.each(WRONG_TYPES)('refuses %o, which is not a number', (index) => {
    using list = ShareableList.create(['a', 2, null]);
    expect(() => list.get(index as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'index');
  });
});

describe('set', () => {
  test('counts from the start, and from the end with a negative index', () => {
    using list = ShareableList.create([0, 0, 0]);
    list.set(-0, 7);
    expect(list.toArray()).toEqual([7, 0, 0]);
    list.set(0, 1);
    list.set(1, 2);
    list.set(-1, 3);
    expect(list.toArray()).toEqual([1, 2, 3]);
    list.set(-3, 4);
    list.set(-0, 5);
    expect(list.toArray()).toEqual([5, 2, 3]);
  });

  test('changes only its slot', () => {
    using list = ShareableList.create(['first', 'second', 'third']);
    list.set(1, 'changed');
    expect(list.toArray()).toEqual(['first', 'changed', 'third']);
  });

  test.each(PAST_THE_END)("refuses index %d of three with CPython's message", (index) => {
    using list = ShareableList.create([0, 0, 0]);
    expect(() => list.set(index, 1)).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `assignment index out of range: index ${index}, length 3`,
    );
    expect(list.toArray()).toEqual([0, 0, 0]);
  });

  test.each(NO_INDEX)('refuses %d, which is not an index', (index) => {
    using list = ShareableList.create([0, 0, 0]);
    expect(() => list.set(index, 1)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'index');
    expect(list.toArray()).toEqual([0, 0, 0]);
  });

  test.each(WRONG_TYPES)('refuses %o, which is not a number', (index) => {
    using list = ShareableList.create([0, 0, 0]);
    expect(() => list.set(index as never, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'index');
  });

  test.each([
    ['undefined', undefined],
    ['symbol', Symbol('x')],
    ['function', () => {}],
    ['Object', {}],
    ['Array', [1]],
    ['Date', new Date()],
    ['Map', new Map()],
    ['ArrayBuffer', new ArrayBuffer(8)],
    ['DataView', new DataView(new ArrayBuffer(8))],
    ['Int8Array', new Int8Array(1)],
    ['Uint8ClampedArray', new Uint8ClampedArray(1)],
    ['Float64Array', new Float64Array(1)],
    ['Number', Object(1)],
    ['String', Object('x')],
    ['object', Object.create(null)],
  ])('refuses a value of type %s with a TypeError that names type and index', (type, value) => {
    const wrong = value as never;
    using list = ShareableList.create([0, 'b', 1.5]);
    const before = bytesOf(list.name);
    for (const index of [0, 1, 2]) {
      const message = new RegExp(`item ${index}.*${type}`);
      expect(() => list.set(index, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', message);
    }
    expect(bytesOf(list.name)).toEqual(before);
    expect(() => ShareableList.create([1, wrong])).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      new RegExp(`item 1.*${type}`),
    );
  });
});

describe('at', () => {
  test('follows Array.prototype.at for every index', () => {
    const values = ['a', 'b', 'c'];
    using list = ShareableList.create(values);
    const indexes: unknown[] = [
      ...PAST_THE_END,
      ...NO_INDEX,
      0,
      1,
      2,
      -1,
      -2,
      -3,
      -0,
      1.9,
      -1.9,
      '1',
      null,
      undefined,
      true,
    ];
    for (const index of indexes) expect([index, list.at(index as number)]).toEqual([index, values.at(index as number)]);
  });

  test('is undefined for every index of an empty list', () => {
    using list = ShareableList.create<number>([]);
    expect([list.at(0), list.at(-1)]).toEqual([undefined, undefined]);
  });
});

describe('create', () => {
  test.each([[undefined], [null], [5], [true], [{}], [() => {}], [Symbol('x')]])(
    'refuses %o, which cannot be iterated',
    (values) => {
      expect(() => ShareableList.create(values as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'iterable');
    },
  );

  test('refuses a hole in an array, which is undefined', () => {
    // oxlint-disable-next-line no-sparse-arrays
    expect(() => ShareableList.create([1, , 3] as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'item 1');
  });

  test('passes on an error of the iterable', () => {
    function* failing(): Generator<number> {
      yield 1;
      throw new Error('from within');
    }
    expect(() => ShareableList.create(failing())).toThrow('from within');
  });
});
