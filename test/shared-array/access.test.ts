import { inspect } from 'node:util';

import { SharedArray } from 'shareable';
import { describe, expect, test } from 'vitest';

describe('at and set', () => {
  test('take an index per dimension, negative ones from the end', () => {
    using array = SharedArray.from([1, 2, 3, 4, 5, 6], [2, 3]);
    expect([array.at(0, 0), array.at(1, 2), array.at(-1, -3), array.at(-2, 1)]).toEqual([1, 6, 4, 2]);
    array.set(-1, -1, 60);
    expect(array.data[5]).toBe(60);
    using cube = SharedArray.from(
      Array.from({ length: 24 }, (_, i) => i),
      [2, 3, 4],
    );
    expect([cube.at(1, 2, 3), cube.at(-1, 0, 0)]).toEqual([23, 12]);
    using line = SharedArray.from([7, 8]);
    expect([line.at(1), line.at(-1), line.at(-2)]).toEqual([8, 8, 7]);
  });

  test('refuse an index out of range and a wrong number of indexes', () => {
    using array = SharedArray.create([2, 3], 'float64');
    expect(() => array.at(2, 0)).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'index 2 is out of range for dimension 0 of length 2',
    );
    expect(() => array.at(0, -4)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'index -4');
    expect(() => array.at(0, 0.5)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    expect(() => array.at(0, Number.NaN)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    expect(() => array.at(0)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'expected 2 indexes, got 1');
    expect(() => array.at(0, 0, 0)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'expected 2 indexes, got 3');
    expect(() => array.at('0' as never, 0)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    expect(() => array.set(2, 0, 1)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    expect(() => array.set(1, 1)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'expected 2 indexes, got 1');
    expect([...array.data]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('take numbers where elements are numbers, and bigints where they are bigints', () => {
    using floats = SharedArray.create([1], 'float32');
    expect(() => floats.set(0, 1n)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'must be a number');
    expect(() => floats.set(0, '1' as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    expect(() => floats.fill(true)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    using bigs = SharedArray.create([1], 'uint64');
    expect(() => bigs.set(0, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'must be a bigint');
    bigs.set(0, 2n ** 64n - 1n);
    expect(bigs.at(0)).toBe(2n ** 64n - 1n);
    using bools = SharedArray.create([4], 'bool');
    bools.set(0, true);
    bools.set(1, 300);
    bools.set(2, false);
    expect([...bools.data]).toEqual([1, 1, 0, 0]);
    expect(() => bools.set(0, 1n)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'boolean or number');
  });

  test('see what other attachments and views write', () => {
    using array = SharedArray.create([2, 2], 'int32');
    using other = SharedArray.attach(array.toJSON());
    other.data[3] = 5;
    array.set(0, 1, 6);
    expect([array.at(1, 1), other.at(0, 1)]).toEqual([5, 6]);
  });
});

describe('row', () => {
  test('is a view of the elements with that first index', () => {
    using array = SharedArray.from([1, 2, 3, 4, 5, 6], [3, 2]);
    expect([[...array.row(0)], [...array.row(2)], [...array.row(-1)]]).toEqual([
      [1, 2],
      [5, 6],
      [5, 6],
    ]);
    array.row(1).fill(9);
    expect([array.at(1, 0), array.at(1, 1), array.at(2, 0)]).toEqual([9, 9, 5]);
    using cube = SharedArray.create([2, 3, 4], 'int8');
    expect(cube.row(1).length).toBe(12);
    using line = SharedArray.from([7, 8]);
    expect([...line.row(1)]).toEqual([8]);
  });

  test('is refused for an index out of range, Fortran order and a shape without dimensions', () => {
    using array = SharedArray.create([2, 2], 'int8');
    expect(() => array.row(2)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    using columns = SharedArray.create([2, 2], 'int8', { order: 'F' });
    expect(() => columns.row(0)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'Fortran');
    using single = SharedArray.create([], 'int8');
    expect(() => single.row(0)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'expected 0 indexes');
  });
});

describe('the rest', () => {
  test('fill writes every element and returns the array', () => {
    using array = SharedArray.create([2, 2], 'float64');
    expect(array.fill(1.5)).toBe(array);
    expect([...array.data]).toEqual([1.5, 1.5, 1.5, 1.5]);
  });

  test('printing shows type, shape, name and the first elements', () => {
    using array = SharedArray.from(new Int8Array(30).fill(1), [5, 6]);
    expect(inspect(array)).toBe(`SharedArray(int8 [5, 6], name='${array.name}') [ ${'1, '.repeat(20)}… 10 more ]`);
    expect(JSON.stringify(array)).toBe(`{"type":"SharedArray","name":"${array.name}"}`);
  });

  test('shape and strides cannot be changed', () => {
    using array = SharedArray.create([2, 2], 'float64');
    expect(() => (array.shape as number[]).push(1)).toThrow(TypeError);
    expect(() => ((array.strides as number[])[0] = 9)).toThrow(TypeError);
  });
});
