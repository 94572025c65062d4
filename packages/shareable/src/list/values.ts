/** The values that a list can hold, and how they are passed to Rust. */
import { types } from 'node:util';

import { invalidType, outOfRange } from '../errors.js';

/** A value that a list can hold. */
export type Storable = number | bigint | boolean | string | Uint8Array | null;

/** The type of a slot whose first value has type `T`. The value `3` makes a slot for any number. */
export type Widened<T extends Storable> = T extends number
  ? number
  : T extends bigint
    ? bigint
    : T extends boolean
      ? boolean
      : T extends string
        ? string
        : T;

/** The values of a list: all numbers in one array, and the other values with their indexes. */
export interface Packed {
  numbers: Float64Array;
  indexes: Uint32Array;
  others: Storable[];
}

/** Whether a value fits the 64 bits of an integer slot. */
export function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** Whether a list can hold `value` at all. */
export function isStorable(value: unknown): value is Storable {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return true;
    case 'bigint':
      return fitsInt64(value);
    case 'string':
      return value.isWellFormed();
    default:
      // Not by instanceof: the value may come from another realm, as in Jest and the REPL.
      return value === null || types.isUint8Array(value);
  }
}

function typeName(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'object') : typeof value;
}

/**
 * Checks that a list can hold `value` at `index`.
 *
 * @throws {TypeError} for another type, or text with a lone surrogate
 * @throws {RangeError} for a bigint past 64 bits
 */
export function checkStorable(value: unknown, index: number): asserts value is Storable {
  if (isStorable(value)) return;
  if (typeof value === 'bigint') {
    throw outOfRange(`item ${index} is a bigint past 64 bits: a list holds -2^63 to 2^63 - 1`);
  }
  if (typeof value === 'string') {
    throw invalidType(
      'ERR_INVALID_ARG_VALUE',
      `item ${index} is text with a lone surrogate, which UTF-8 cannot encode`,
    );
  }
  throw invalidType(
    'ERR_INVALID_ARG_TYPE',
    `item ${index} has type ${typeName(value)}: a list holds numbers, bigints, booleans, strings, Uint8Arrays and null`,
  );
}

/** Checks values and groups them for Rust. */
export function pack(values: Iterable<unknown>): Packed {
  if (values === null || values === undefined || typeof values[Symbol.iterator] !== 'function') {
    throw invalidType('ERR_INVALID_ARG_TYPE', `the values of a list must be iterable, not ${typeName(values)}`);
  }
  const array: readonly unknown[] = Array.isArray(values) ? values : Array.from(values);
  const numbers = new Float64Array(array.length);
  const indexes: number[] = [];
  const others: Storable[] = [];
  for (let index = 0; index < array.length; index++) {
    const value = array[index];
    if (typeof value === 'number') {
      numbers[index] = value;
    } else {
      checkStorable(value, index);
      indexes.push(index);
      others.push(value);
    }
  }
  return { numbers, indexes: Uint32Array.from(indexes), others };
}
