/** The element types of arrays, and the typed arrays that show them. */
import { inspect } from 'node:util';

import { SharedMemoryError, invalidType } from '../errors.js';

/** The type of an array's elements, by NumPy's name. */
export type Dtype =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'bool';

/** `Float16Array` where TypeScript's library declares it (from 5.8 with `esnext.float16`); any typed array elsewhere. */
export type Float16View = typeof globalThis extends { Float16Array: { prototype: infer View extends TypedArray } }
  ? View
  : TypedArray;

/** Any typed array. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** The typed array that shows the elements of each {@link Dtype}. */
export interface DtypeViews {
  int8: InstanceType<Int8ArrayConstructor>;
  uint8: InstanceType<Uint8ArrayConstructor>;
  int16: InstanceType<Int16ArrayConstructor>;
  uint16: InstanceType<Uint16ArrayConstructor>;
  int32: InstanceType<Int32ArrayConstructor>;
  uint32: InstanceType<Uint32ArrayConstructor>;
  int64: InstanceType<BigInt64ArrayConstructor>;
  uint64: InstanceType<BigUint64ArrayConstructor>;
  float16: Float16View;
  float32: InstanceType<Float32ArrayConstructor>;
  float64: InstanceType<Float64ArrayConstructor>;
  /** A byte of 0 or 1 per element. */
  bool: InstanceType<Uint8ArrayConstructor>;
}

/** A constructor of views, as this module calls it. */
export interface ViewConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray;
}

const { Float16Array: float16 } = globalThis as unknown as { Float16Array?: ViewConstructor };

const views: Record<Dtype, ViewConstructor | undefined> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
};

/** The types by the name of the typed array that holds such elements. */
const byView: Partial<Record<string, Dtype>> = {
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int16Array: 'int16',
  Uint16Array: 'uint16',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
  BigInt64Array: 'int64',
  BigUint64Array: 'uint64',
  Float16Array: 'float16',
  Float32Array: 'float32',
  Float64Array: 'float64',
};

/**
 * Checks the name of a type.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for any other value, with the names that exist
 */
export function checkDtype(dtype: unknown): Dtype {
  if (typeof dtype === 'string' && Object.hasOwn(views, dtype)) return dtype as Dtype;
  const known = Object.keys(views).join(', ');
  throw invalidType('ERR_INVALID_ARG_VALUE', `dtype must be one of ${known}; got ${inspect(dtype, { depth: 0 })}`);
}

/** The type of the elements of a typed array, of this realm or another; `undefined` for anything else. */
export function dtypeOf(data: unknown): Dtype | undefined {
  if (!ArrayBuffer.isView(data)) return undefined;
  // The tag is on the prototype of every typed array, and tells one from another realm and a subclass such as Buffer too.
  return byView[String((data as unknown as { [Symbol.toStringTag]?: string })[Symbol.toStringTag])];
}

/**
 * The constructor of the typed array that shows elements of this type.
 *
 * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` for `float16` on a runtime without `Float16Array`
 */
export function viewOf(dtype: Dtype): ViewConstructor {
  const view = views[dtype];
  if (view !== undefined) return view;
  throw new SharedMemoryError(
    `Node ${process.versions.node} has no Float16Array, which shows float16: use Node 24 or later, or float32`,
    { code: 'ERR_SHM_UNSUPPORTED' },
  );
}
