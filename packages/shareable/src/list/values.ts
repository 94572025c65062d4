/** The values that a list can hold, and how they are passed to Rust. */
import { types } from 'node:util';

import { layout } from '../native/binding.js';
import { invalidType, outOfRange } from '../errors.js';
import { checkInteger } from '../options.js';

/** A value that a list can hold. */
export type Storable = number | bigint | boolean | string | Uint8Array | null;

/** The key of a slot's size in what {@link slot} returns; the same in every copy of the package. */
export const sized: unique symbol = Symbol.for('shareable.slot');

/** A value for {@link ShareableList.create}, with the size of the slot that is made for it. Made by {@link slot}. */
export interface SizedValue<T extends Storable = Storable> {
  /** In bytes. */
  readonly [sized]: number;
  /** What the slot holds first. */
  readonly value: T;
}

/** What `ShareableList.create` takes for one slot. */
export type SlotValue = Storable | SizedValue;

/**
 * Reserves a larger slot for a value of `ShareableList.create`: `create([slot(16_384, '{}')])`. Without it, a slot for text
 * or bytes has room for at most 8 bytes more than its first value.
 *
 * @param bytes the size of the slot, from 1 to 9,999,992, rounded up to a multiple of 8
 * @param value the first value; `create` checks it
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for a size that is not a number
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a size out of this range
 */
export function slot<T extends Storable>(bytes: number, value: T): SizedValue<T> {
  return { [sized]: checkInteger('the size of a slot', bytes, 1, layout.maxSlotBytes), value };
}

function isSized(item: unknown): item is SizedValue {
  return typeof item === 'object' && item !== null && sized in item;
}

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

/** The type of the slot that `create` makes for a `V`. */
type SlotType<V> = V extends SizedValue<infer T> ? Widened<T> : V extends Storable ? Widened<V> : never;

/** The types of the slots that `create` makes for values of type `V`, one by one where `V` is a tuple. */
export type SlotTypes<V extends readonly unknown[]> = number extends V['length']
  ? readonly SlotType<V[number]>[]
  : { readonly [K in keyof V]: SlotType<V[K]> };

/** The indexes from 0 that a tuple has; `never` where the length is not known. */
export type IndexOf<Items extends readonly unknown[]> = number extends Items['length']
  ? never
  : { [K in keyof Items]: K extends `${infer I extends number}` ? I : never }[number];

/** The values of a list: all numbers in one array, and the other values with their indexes. */
export interface Packed {
  numbers: Float64Array;
  indexes: Uint32Array;
  others: Storable[];
  /** The bytes that the slots of the others should have at least; 0 where what the value needs will do. */
  sizes: Uint32Array;
}

/** Whether a value fits the 64 bits of an integer slot. */
export function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/**
 * The value that a search compares slots with; `undefined` for one that no slot can hold. A bigint past 64 bits may be
 * the value of a double.
 */
export function searchable(value: unknown): Storable | undefined {
  if (typeof value === 'bigint' && !fitsInt64(value)) {
    const number = Number(value);
    return Number.isFinite(number) && BigInt(number) === value ? number : undefined;
  }
  return isStorable(value) ? value : undefined;
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
  const sizes: number[] = [];
  for (let index = 0; index < array.length; index++) {
    const item = array[index];
    if (typeof item === 'number') {
      numbers[index] = item;
    } else {
      const value: unknown = isSized(item) ? item.value : item;
      checkStorable(value, index);
      indexes.push(index);
      others.push(value);
      sizes.push(isSized(item) ? item[sized] : 0);
    }
  }
  return { numbers, indexes: Uint32Array.from(indexes), others, sizes: Uint32Array.from(sizes) };
}
