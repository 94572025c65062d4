/** Shapes of arrays: checks, strides, and the place of an element. */
import { inspect } from 'node:util';

import { invalidType, outOfRange } from '../errors.js';
import { checkInteger } from '../options.js';

/** In which order elements lie: the last index fastest, as in C, or the first, as in Fortran. */
export type ArrayOrder = 'C' | 'F';

/**
 * Checks a shape and copies it.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything but an array of numbers
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a length that is negative, fractional or past 2^53 - 1
 */
export function checkShape(shape: unknown): number[] {
  if (!Array.isArray(shape)) {
    throw invalidType(
      'ERR_INVALID_ARG_TYPE',
      `shape must be an array of lengths such as [3, 4]; got ${inspect(shape, { depth: 0 })}`,
    );
  }
  return Array.from(
    shape,
    (length, dimension) =>
      // Adding 0 turns -0 into 0.
      checkInteger(`shape[${dimension}]`, length, 0, Number.MAX_SAFE_INTEGER) + 0,
  );
}

/**
 * Checks an order.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for anything but `'C'`, `'F'` and `undefined`, which means `'C'`
 */
export function checkOrder(order: unknown): ArrayOrder {
  if (order === undefined || order === 'C') return 'C';
  if (order === 'F') return 'F';
  throw invalidType('ERR_INVALID_ARG_VALUE', `option order must be 'C' or 'F'; got ${inspect(order, { depth: 0 })}`);
}

/** How many elements apart neighbours lie along each dimension. An empty dimension counts as one element long. */
export function stridesOf(shape: readonly number[], order: ArrayOrder): number[] {
  const strides = shape.map(() => 1);
  let step = 1;
  for (let i = 0; i < shape.length; i++) {
    const dimension = order === 'C' ? shape.length - 1 - i : i;
    strides[dimension] = step;
    step *= Math.max(shape[dimension] as number, 1);
  }
  return strides;
}

/** The number of elements of a shape; imprecise past 2^53, which no array reaches. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * The place of an element among all, from the first `count` of `indexes`; a negative index counts from the end.
 *
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for an index out of range, or another number of indexes than dimensions
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for an index that is not a number
 */
export function locate(
  indexes: readonly unknown[],
  count: number,
  shape: readonly number[],
  strides: readonly number[],
): number {
  if (count !== shape.length) {
    throw outOfRange(`expected ${shape.length} ${shape.length === 1 ? 'index' : 'indexes'}, got ${count}`);
  }
  let place = 0;
  for (let dimension = 0; dimension < count; dimension++) {
    const index = indexes[dimension];
    const length = shape[dimension] as number;
    if (typeof index !== 'number') {
      throw invalidType('ERR_INVALID_ARG_TYPE', `an index must be a number; got ${inspect(index, { depth: 0 })}`);
    }
    const at = index < 0 ? index + length : index;
    if (!(at >= 0 && at < length && Number.isInteger(at))) {
      throw outOfRange(`index ${index} is out of range for dimension ${dimension} of length ${length}`);
    }
    place += at * (strides[dimension] as number);
  }
  return place;
}
