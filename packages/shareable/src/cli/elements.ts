/** The elements of an array, one by one, in the order in which they lie. */
import { viewOf } from '../array/dtypes.js';
import type { Dtype } from '../array/dtypes.js';
import { stridesOf } from '../array/shape.js';
import type { NativeArray } from '../native/binding.js';
import type { Contents } from './contents.js';

/** The first `count` elements as they stand, which other processes may change at any time. */
export function readElements(contents: Contents, count: number): (number | bigint)[] {
  const { array } = contents;
  if (array === undefined || count === 0) return [];
  const { buffer } = contents.bytes();
  return Array.from(
    new (viewOf(array.dtype as Dtype))(buffer as ArrayBuffer, array.dataStart, count) as ArrayLike<number | bigint>,
  );
}

/** The index of the element at `place` among all, for people: `1, 2`. */
export function indexOf({ shape, isFortran }: NativeArray, place: number): string {
  const strides = stridesOf(shape, isFortran ? 'F' : 'C');
  return shape.map((length, i) => Math.floor(place / (strides[i] as number)) % length).join(', ');
}

/** An array for programs: 64-bit integers, and numbers that JSON lacks, are text. */
export function toShape(contents: Contents, array: NativeArray, shown: number): object {
  const { dtype, shape, isFortran, dataStart } = array;
  const elements = readElements(contents, shown).map((element) =>
    typeof element === 'bigint' || !Number.isFinite(element) || Object.is(element, -0) ? shownAs(element) : element,
  );
  return { dtype, shape, order: isFortran ? 'F' : 'C', dataStart, elements };
}

function shownAs(element: number | bigint): string {
  return Object.is(element, -0) ? '-0' : String(element);
}
