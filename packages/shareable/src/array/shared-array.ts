import { inspect } from 'node:util';

import type { NativeArray, NativeSegment } from '../native/binding.js';
import { arrayLayout, attachSegment, createArray, findArray, losses } from '../native/binding.js';
import { checkInternal, internal, takeBack } from '../construct.js';
import { announceAttachment, announceCreation, announceOpening } from '../diagnostics/channels.js';
import { asyncDispose, dispose } from '../dispose.js';
import { invalidType, outOfRange } from '../errors.js';
import type { AttachOptions, CreateOptions, Handle } from '../options.js';
import { checkAttachOptions, checkCreateOptions, checkName, checkNamelessOptions, checkTarget } from '../options.js';
import { SharedMemory, wrapSegment } from '../memory/shared-memory.js';
import type { Dtype, DtypeViews, TypedArray, ViewConstructor } from './dtypes.js';
import { checkDtype, dtypeOf, viewOf } from './dtypes.js';
import type { ArrayOrder } from './shape.js';
import { checkOrder, checkShape, countOf, locate, stridesOf } from './shape.js';

/** What {@link SharedArray.toJSON} returns and {@link SharedArray.attach} accepts. */
export type SharedArrayHandle<T extends TypedArray = TypedArray> = Handle<'SharedArray'> & { readonly __data?: T };

/** How to create an array. */
export interface ArrayOptions extends CreateOptions {
  /** Whether the last index changes fastest, as in C (`'C'`, the default), or the first, as in Fortran (`'F'`). */
  order?: ArrayOrder | undefined;
}

/** How to create an array from data. */
export interface ArrayFromOptions extends ArrayOptions {
  /** The type of the elements. Default: that of the typed array; `'float64'` for an array of numbers. */
  dtype?: Dtype | undefined;
}

/** Printing shows this many elements. */
const PRINTED_ELEMENTS = 20;

/**
 * A shaped array of numbers in shared memory. Its segment is a `.npy` file, so NumPy maps it without a copy:
 * `np.load('/dev/shm/NAME', mmap_mode='r+')`.
 *
 * {@link data} is the array's elements themselves; every process that has attached sees a write at once. Type and shape
 * never change: they are read once, when this process attaches.
 *
 * @example
 * ```ts
 * using image = SharedArray.create([480, 640, 3], 'uint8');
 * image.set(0, 0, 2, 255);
 * child.send(image); // there: using image = SharedArray.attach(handle)
 * ```
 */
export class SharedArray<T extends TypedArray = TypedArray> implements Disposable, AsyncDisposable {
  /** The length of each dimension, in elements; empty for a single element. */
  readonly shape: readonly number[];
  /** How many elements apart neighbours along each dimension lie. (NumPy's strides count bytes.) */
  readonly strides: readonly number[];
  /** The type of the elements, by NumPy's name. */
  readonly dtype: Dtype;
  /** In which order the elements lie: `'C'`, the last index fastest, or `'F'`, the first. */
  readonly order: ArrayOrder;
  /** The number of elements. */
  readonly length: number;
  /** The number of dimensions. */
  readonly ndim: number;
  /** The segment that holds the array, header included. */
  readonly shm: SharedMemory;
  /** With {@link name}, what makes a structured clone of the array a handle: `worker.postMessage(array)` sends one. */
  readonly type = 'SharedArray';
  /** The name of the array's segment. */
  readonly name: string;

  readonly #View: ViewConstructor;
  readonly #start: number;
  /** The lengths and strides of the first two dimensions. */
  readonly #rows: number;
  readonly #columns: number;
  readonly #step: number;
  readonly #columnStep: number;
  #data: T;
  /** The value of the counter of truncated segments when this one was last known to be whole. */
  #losses: number | undefined;

  private constructor(key: typeof internal, shm: SharedMemory, array: NativeArray) {
    checkInternal(key, 'SharedArray.create(), SharedArray.from() or SharedArray.attach()');
    this.dtype = array.dtype as Dtype;
    this.#View = viewOf(this.dtype);
    this.order = array.isFortran ? 'F' : 'C';
    this.shape = Object.freeze(array.shape);
    this.strides = Object.freeze(stridesOf(array.shape, this.order));
    this.length = array.length;
    this.ndim = array.shape.length;
    this.shm = shm;
    this.name = shm.name;
    this.#start = array.dataStart;
    [this.#rows = 0, this.#columns = 0] = this.shape;
    [this.#step = 1, this.#columnStep = 1] = this.strides;
    this.#losses = losses[0];
    this.#data = this.#view();
    Object.preventExtensions(this);
  }

  /**
   * Creates an array of zeros in its own segment. On Linux no process can attach before it is complete.
   *
   * @param shape the length of each dimension, in elements: at most 64 integers from 0 to 2^53 - 1
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for such a shape that is out of range or larger than any address space
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for an unknown dtype or order
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` for `float16` on a runtime without `Float16Array` (Node before 24)
   */
  static create<D extends Dtype>(
    shape: readonly number[],
    dtype: D,
    options?: ArrayOptions,
  ): SharedArray<DtypeViews[D]> {
    return SharedArray.#create(shape, dtype, options, SharedArray.create);
  }

  /**
   * Creates an array that holds a copy of `data`.
   *
   * @param data the elements in the order in which they are to lie: in C order the last index changes fastest
   * @param shape the length of each dimension. Default: one dimension of all elements
   * @throws {RangeError} `ERR_OUT_OF_RANGE` when the shape has another number of elements than `data`
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for data that is neither a typed array nor an array of numbers, or that
   *   the dtype cannot hold: bigints for `int64` and `uint64`, numbers for all others
   * @throws what {@link create} throws
   */
  static from<T extends TypedArray>(
    data: T,
    shape?: readonly number[],
    options?: ArrayOptions & { dtype?: undefined },
  ): SharedArray<T>;
  static from<D extends Dtype = 'float64'>(
    data: TypedArray | readonly number[] | readonly bigint[],
    shape: readonly number[] | undefined,
    options: ArrayFromOptions & { dtype: D },
  ): SharedArray<DtypeViews[D]>;
  static from(
    data: readonly number[],
    shape?: readonly number[],
    options?: ArrayOptions,
  ): SharedArray<DtypeViews['float64']>;
  static from(
    data: TypedArray | readonly number[] | readonly bigint[],
    shape?: readonly number[],
    options: ArrayFromOptions = {},
  ): SharedArray {
    const known = dtypeOf(data);
    if (known === undefined && !Array.isArray(data)) {
      throw invalidType(
        'ERR_INVALID_ARG_TYPE',
        `data must be a typed array or an array of numbers; got ${inspect(data, { depth: 0 })}`,
      );
    }
    const { dtype = known ?? 'float64', ...rest } = options;
    const lengths = shape === undefined ? [data.length] : checkShape(shape);
    if (countOf(lengths) !== data.length) {
      throw outOfRange(`shape [${lengths.join(', ')}] has ${countOf(lengths)} elements, but data has ${data.length}`);
    }
    const array = SharedArray.#create(lengths, checkDtype(dtype), rest, SharedArray.from);
    try {
      // Numbers and bigints never convert into each other: `set` throws a TypeError then. It would convert anything else.
      const elements = array.data;
      if (known !== undefined && dtype !== 'bool') (elements as { set(values: unknown): void }).set(data);
      else for (let i = 0; i < elements.length; i++) elements[i] = array.#element(data[i]);
    } catch (error) {
      array.close();
      array.unlink();
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      throw invalidType('ERR_INVALID_ARG_TYPE', `dtype ${dtype} cannot hold this data: ${error.message}`);
    }
    return array;
  }

  static #create<D extends Dtype>(
    shape: readonly number[],
    dtype: D,
    options: ArrayOptions | undefined,
    method: (...args: never[]) => unknown,
  ): SharedArray<DtypeViews[D]> {
    const lengths = checkShape(shape);
    viewOf(checkDtype(dtype));
    const { order, ...rest } = options ?? {};
    const isFortran = checkOrder(order) === 'F';
    const created = createArray(dtype, lengths, isFortran, checkCreateOptions(rest, method), false);
    const shm = wrapSegment(announceCreation('SharedArray', created.segment), 'SharedArray');
    return SharedArray.#over(shm, true, () => created.array);
  }

  /** Makes the instance over an open segment. If that fails, the segment is closed, and unlinked if it is new. */
  static #over<T extends TypedArray>(shm: SharedMemory, isNew: boolean, find: () => NativeArray): SharedArray<T> {
    try {
      return new SharedArray<T>(internal, shm, find());
    } catch (error) {
      shm.close();
      if (isNew) takeBack(() => shm.unlink());
      throw error;
    }
  }

  /**
   * Opens the array in an existing segment, by name or handle. It may be a `.npy` file that NumPy wrote to `/dev/shm`.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when mode or owner forbid it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold an array, or one of a type that no typed array
   *   has: big-endian, complex, structured, text, dates and Python objects
   * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` for `float16` on a runtime without `Float16Array` (Node before 24)
   */
  static attach<T extends TypedArray = TypedArray>(
    target: string | SharedArrayHandle<T>,
    options?: AttachOptions,
  ): SharedArray<T> {
    const name = checkTarget(target, 'SharedArray');
    const { readOnly, allowForeign } = checkAttachOptions(options);
    const segment = announceAttachment('SharedArray', attachSegment(name, readOnly, allowForeign));
    const shm = wrapSegment(segment, 'SharedArray');
    return SharedArray.#over(shm, false, () => findIn(shm));
  }

  /**
   * Attaches to the array called `name`, or creates it. If several processes do so at once, exactly one creates it; with
   * `track: true` that one owns it.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` when the existing one has another shape, dtype or order
   * @throws {SegmentExistsError} `EEXIST` when a dead owner's segment has the name and another process still uses it
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach<D extends Dtype>(
    name: string,
    shape: readonly number[],
    dtype: D,
    options?: Omit<ArrayOptions, 'name'>,
  ): SharedArray<DtypeViews[D]> {
    const wanted = { shape: checkShape(shape), dtype: checkDtype(dtype), order: checkOrder(options?.order) };
    viewOf(dtype);
    const { order: _, ...rest } = options ?? {};
    const checked = { ...checkNamelessOptions(rest, SharedArray.createOrAttach), name: checkName(name) };
    const { segment, array } = createArray(dtype, wanted.shape, wanted.order === 'F', checked, true);
    const shm = wrapSegment(
      announceOpening('SharedArray', segment, (facts: NativeSegment) => facts),
      'SharedArray',
    );
    const { isNew } = segment;
    const found = SharedArray.#over<DtypeViews[D]>(shm, isNew, () => (isNew ? array : findIn(shm)));
    const isSame = found.dtype === dtype && found.order === wanted.order && found.shape.join() === wanted.shape.join();
    if (isSame) return found;
    found.close();
    throw outOfRange(`array '${name}' exists as ${describe(found)}; ${describe(wanted)} was asked for`);
  }

  /**
   * The elements themselves, not a copy, in the order in which they lie. This is the way for loops: an element read
   * through {@link at} costs several times as much.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {SharedMemoryError} `ERR_SHM_TRUNCATED` when another process has truncated the segment and this one has accessed
   *   the missing part; {@link OutOfSharedMemoryError} `ENOSPC` when that was a page of a sparse segment on a full mount.
   *   The same holds for all other methods that read or write elements.
   */
  get data(): T {
    this.#checkWhole();
    const data = this.#data;
    // A view whose buffer was closed, or transferred elsewhere, has no bytes.
    if (data.length === this.length && !this.shm.closed) return data;
    return (this.#data = this.#view());
  }

  /** Throws if the segment has lost pages. Called after an access, so that the access itself is noticed. */
  #checkWhole(): void {
    const count = losses[0];
    if (this.#losses === count) return;
    if (!this.shm.closed) void this.shm.buffer;
    this.#losses = count;
  }

  /**
   * The element at an index per dimension; a negative one counts from the end. For a `bool` it is 0 or 1.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an index out of range, or another number of indexes than dimensions
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  at(...index: number[]): T extends { at(index: number): (infer E) | undefined } ? E : number | bigint;
  // Named parameters: collecting two indexes into an array would cost several times the read.
  at(i?: number, j?: number, ...more: number[]): number | bigint {
    const place = this.#isPlain(i, j, more.length) ? this.#plainPlace(i, j) : this.#locate(given(i, j, more));
    const element = this.#data[place] ?? (this.data[place] as number | bigint);
    this.#checkWhole();
    return element;
  }

  /**
   * Writes an element: the indexes come first, the value last. Values convert as in the typed array; for a `bool`
   * everything but 0 becomes 1.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an index out of range, or another number of indexes than dimensions
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for a value that is no number, or no bigint where the dtype has 64-bit integers
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  set(...indexAndValue: [...index: number[], value: number | bigint | boolean]): void;
  set(i?: unknown, j?: unknown, value?: unknown, ...more: unknown[]): void {
    if (
      this.ndim === 2
        ? value !== undefined && this.#isPlain(i, j, more.length)
        : j !== undefined && value === undefined && this.#isPlain(i, undefined, 0)
    ) {
      const data = this.#data.length === this.length ? this.#data : this.data;
      (data as (number | bigint)[] & T)[this.#plainPlace(i, j)] = this.#element(this.ndim === 2 ? value : j);
      this.#checkWhole();
      return;
    }
    const all = given(i, j, value === undefined ? more : [value, ...more]);
    const last = all.pop();
    const place = this.#locate(all);
    (this.data as (number | bigint)[] & T)[place] = this.#element(last);
    this.#checkWhole();
  }

  /**
   * Writes `value` to every element.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` as for {@link set}
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  fill(value: number | bigint | boolean): this {
    (this.data as { fill(value: number | bigint): unknown }).fill(this.#element(value));
    this.#checkWhole();
    return this;
  }

  /**
   * A view, not a copy, of all elements whose first index is `i`; a negative one counts from the end.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an index out of range, or an array without dimensions
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for an array in Fortran order, whose rows do not lie side by side
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  row(i: number): T {
    if (this.order === 'F' && this.ndim > 1) {
      throw invalidType(
        'ERR_INVALID_ARG_VALUE',
        'the rows of an array in Fortran order do not lie side by side: use data and strides',
      );
    }
    const [stride = 0] = this.strides;
    const start = locate([i], 1, this.shape.slice(0, 1), [stride]);
    // A row of a shape with a later dimension of 0 is empty.
    return this.data.subarray(start, Math.min(start + stride, this.length)) as T;
  }

  /** A small plain object that names the array, for another process's {@link attach}. */
  toJSON(): SharedArrayHandle<T> {
    return { type: 'SharedArray', name: this.name };
  }

  /** Type, shape and the first elements: `SharedArray(float64 [2, 3], name='psm_…')`. Never throws. */
  toString(): string {
    return `SharedArray(${describe(this)}, name='${this.name}'${this.shm.closed ? ', closed' : ''})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    if (this.shm.closed) return this.toString();
    let elements: ArrayLike<unknown>;
    try {
      elements = this.data.slice(0, PRINTED_ELEMENTS);
      this.#checkWhole();
    } catch {
      return `${this.toString()} [ unreadable ]`;
    }
    const shown = Array.from<unknown, string>(elements, (element) => inspect(element)).join(', ');
    const rest = this.length - PRINTED_ELEMENTS;
    return `${this.toString()} [ ${shown}${rest > 0 ? `, … ${rest} more` : ''} ]`;
  }

  /** Drops this process's use of the array; others keep theirs. Every view of it has length 0 afterwards. Idempotent. */
  close(): void {
    this.shm.close();
  }

  /**
   * Removes the name of the array's segment.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when it was unlinked before, by any process
   */
  unlink(): void {
    this.shm.unlink();
  }

  /** Closes; the owner also unlinks, quietly if that was done before. */
  [dispose](): void {
    this.shm[dispose]();
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }

  #view(): T {
    return new this.#View(this.shm.buffer, this.#start, this.length) as T;
  }

  /** Whether these are plain indexes of an array of one or two dimensions, as most are. */
  #isPlain(i: unknown, j: unknown, more: number): boolean {
    if (more > 0 || (i as number) >>> 0 !== i || i >= this.#rows) return false;
    return this.ndim === 2 ? (j as number) >>> 0 === j && j < this.#columns : this.ndim === 1 && j === undefined;
  }

  /** Where the element of plain indexes lies. */
  #plainPlace(i: unknown, j: unknown): number {
    return this.ndim === 2 ? (i as number) * this.#step + (j as number) * this.#columnStep : (i as number);
  }

  #locate(indexes: readonly unknown[]): number {
    return locate(indexes, indexes.length, this.shape, this.strides);
  }

  /** The value of an element as the typed array takes it. */
  #element(value: unknown): number | bigint {
    const { dtype } = this;
    if (dtype === 'bool' && (typeof value === 'boolean' || typeof value === 'number')) return value ? 1 : 0;
    const expected = dtype === 'int64' || dtype === 'uint64' ? 'bigint' : 'number';
    // oxlint-disable-next-line valid-typeof -- both are names of types
    if (typeof value === expected) return value as number | bigint;
    throw invalidType(
      'ERR_INVALID_ARG_TYPE',
      `an element of dtype ${dtype} must be a ${dtype === 'bool' ? 'boolean or number' : expected}; got ${inspect(value, { depth: 0 })}`,
    );
  }
}

/** Finds the array in an open segment. */
function findIn(shm: SharedMemory): NativeArray {
  return findArray(shm.buf.slice(0, arrayLayout.maxHeader), shm.size, shm.name);
}

/** The arguments that were given: all up to the first that is absent. */
function given(i: unknown, j: unknown, more: readonly unknown[]): unknown[] {
  return i === undefined ? [] : j === undefined ? [i] : [i, j, ...more];
}

function describe({ dtype, shape, order }: { dtype: Dtype; shape: readonly number[]; order: ArrayOrder }): string {
  return `${dtype} [${shape.join(', ')}]${order === 'F' ? ' in Fortran order' : ''}`;
}
