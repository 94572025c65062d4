import { constants } from 'node:buffer';
import { inspect } from 'node:util';

import type { NativeList, NativeListInSegment } from '../native/segments.js';
import {
  attachListNamed,
  createList,
  createOrAttachList,
  listAdd,
  listBuffer,
  listCapacity,
  listCount,
  listFind,
  listFormat,
  listGet,
  listSet,
} from '../native/segments.js';
import { checkInternal, internal, takeBack } from '../construct.js';
import { announceAttachment, announceCreation, announceOpening } from '../diagnostics/channels.js';
import { asyncDispose, dispose } from '../dispose.js';
import { closed, invalidType, outOfRange } from '../errors.js';
import type { AttachOptions, CreateOptions, Handle } from '../options.js';
import { checkAttachOptions, checkCreateOptions, checkName, checkNamelessOptions, checkTarget } from '../options.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { factsOfSegment, handleOf, keepListBuffer, wrapSegment } from '../memory/shared-memory.js';
import { Slots } from './slots.js';
import type { IndexOf, SizedValue, SlotTypes, SlotValue, Storable, Widened } from './values.js';
import { checkStorable, fitsInt64, pack, searchable } from './values.js';

/** In types only: what the slots of a handle's list hold. */
declare const slotTypes: unique symbol;

/** What {@link ShareableList.toJSON} returns and {@link ShareableList.attach} takes back. */
export interface ShareableListHandle<
  T extends Storable = Storable,
  Items extends readonly Storable[] = readonly T[],
> extends Handle<'ShareableList'> {
  readonly [slotTypes]?: readonly [T, Items];
}

/** The most items that printing shows. */
const PRINTED_ITEMS = 100;
/** The number of reads and writes that the addon does before the list has its fast path. */
const FIRST = 4;
/** The number of unreadable items after which printing stops. */
const MAX_UNREADABLE = 3;

/** What an instance knows. */
interface State {
  readonly shm: SharedMemory;
  readonly list: NativeList;
  /** The fast path, unless the list is read-only. */
  writable: Slots | undefined;
  /** The calls of the addon before there is a fast path. */
  calls: number;
}

/**
 * A list of fixed length in shared memory. Its slots hold numbers, bigints, booleans, strings, bytes and null. It has
 * the same bytes as CPython's `multiprocessing.shared_memory.ShareableList`, so Python 3.9 to 3.14 can share it.
 *
 * A slot keeps the size of its first value: 8 bytes for numbers, booleans and null; for strings (in UTF-8) and bytes,
 * the next multiple of 8 above their length. A number written to a slot that holds a double is stored as a double.
 *
 * Every process sees a write immediately. A reader beside a writer gets the old value or the new one. To read, change
 * and write in one step, use {@link add} or a lock.
 *
 * @example
 * ```ts
 * using list = ShareableList.create([1, 2.5, 'three', null]);
 * list.set(0, list.get(0) + 41);
 * child.send(list.toJSON()); // there: using list = ShareableList.attach(handle)
 * ```
 */
export class ShareableList<T extends Storable = Storable, Items extends readonly Storable[] = readonly T[]>
  implements Iterable<T>, Disposable, AsyncDisposable
{
  /** With {@link name}, what makes a structured clone of the list a handle: `worker.postMessage(list)` sends one. */
  declare readonly type: 'ShareableList';
  /** The name of the list's segment. */
  declare readonly name: string;
  /** The number of slots. */
  declare readonly length: number;

  // Two private names, and no field with an initial value: the engine sets each of them by a call.
  readonly #state: State;
  /** The fast path. A buffer over a large list makes the engine collect garbage, so it is made after {@link FIRST} calls. */
  #slots: Slots | undefined;

  private constructor(key: typeof internal, shm: SharedMemory, list: NativeList) {
    checkInternal(key, 'ShareableList.create(values) or ShareableList.attach(name)');
    this.type = 'ShareableList';
    this.name = shm.name;
    // The addon writes doubles; the engine compares indexes with a small integer faster.
    const length = list.length | 0;
    this.length = length === list.length ? length : list.length;
    this.#state = { shm, list, writable: undefined, calls: 0 };
    Object.preventExtensions(this);
  }

  /**
   * Creates a list of `values` in a segment of its own. On Linux, no process can attach before it holds all values.
   *
   * @throws {TypeError} for a value that a list cannot hold, with its type and index
   * @throws {RangeError} for a bigint past 64 bits, and for text or bytes of 9,999,992 bytes or more
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   */
  static create<V extends readonly SlotValue[] | []>(
    values: V,
    options?: CreateOptions,
  ): ShareableList<SlotTypes<V>[number], SlotTypes<V>>;
  static create<T extends Storable>(
    values: Iterable<T | SizedValue<T>>,
    options?: CreateOptions,
  ): ShareableList<Widened<T>>;
  static create(values: Iterable<SlotValue>, options?: CreateOptions): ShareableList {
    const checked = checkCreateOptions(options, ShareableList.create);
    const { numbers, indexes, others, sizes } = pack(values);
    const created = createList(numbers, indexes, others, sizes, checked);
    announceCreation('ShareableList', created.segment);
    return ShareableList.#over(created);
  }

  /**
   * Attaches to the list called `name`, or creates it of `values`. Of several processes that do so at once exactly one
   * creates it; with `track: true` that one owns it, as `list.shm.isOwner` says. On Linux the others see all values.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the existing segment does not hold a list
   * @throws {RangeError} `ERR_OUT_OF_RANGE` when the existing list has fewer slots than there are values
   * @throws what else {@link create} and {@link attach} throw
   */
  static createOrAttach<V extends readonly SlotValue[] | []>(
    name: string,
    values: V,
    options?: Omit<CreateOptions, 'name'>,
  ): ShareableList<SlotTypes<V>[number], SlotTypes<V>>;
  static createOrAttach<T extends Storable>(
    name: string,
    values: Iterable<T | SizedValue<T>>,
    options?: Omit<CreateOptions, 'name'>,
  ): ShareableList<Widened<T>>;
  static createOrAttach(
    name: string,
    values: Iterable<SlotValue>,
    options?: Omit<CreateOptions, 'name'>,
  ): ShareableList {
    const checked = checkNamelessOptions(options, ShareableList.createOrAttach);
    const named = { ...checked, name: checkName(name) };
    const { numbers, indexes, others, sizes } = pack(values);
    const opened = createOrAttachList(numbers, indexes, others, sizes, named);
    announceOpening('ShareableList', opened.segment, factsOfSegment);
    return ShareableList.#over(opened);
  }

  static #over({ segment, list }: NativeListInSegment): ShareableList {
    const shm = wrapSegment(segment, 'ShareableList');
    try {
      return new ShareableList(internal, shm, list);
    } catch (error) {
      shm.close();
      if (segment.isNew) takeBack(() => shm.unlink());
      throw error;
    }
  }

  /**
   * Opens the list in an existing segment, by name or handle, in constant time. CPython may have created it.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a list
   */
  static attach<T extends Storable, Items extends readonly Storable[]>(
    target: ShareableListHandle<T, Items>,
    options?: AttachOptions,
  ): ShareableList<T, Items>;
  static attach<T extends Storable = Storable>(
    target: string | ShareableListHandle,
    options?: AttachOptions,
  ): ShareableList<T>;
  static attach(target: string | ShareableListHandle, options?: AttachOptions): ShareableList {
    const name = checkTarget(target, 'ShareableList');
    const { readOnly, allowForeign } = checkAttachOptions(options);
    const attached = attachListNamed(name, readOnly, allowForeign);
    announceAttachment('ShareableList', attached.segment);
    return ShareableList.#over(attached);
  }

  /** The segment that holds the list. */
  get shm(): SharedMemory {
    return this.#state.shm;
  }

  /**
   * The struct formats of all slots in order, as CPython shows them: `8sdqxxxxxx?x`.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a damaged slot
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get format(): string {
    return listFormat(this.#handle);
  }

  /**
   * Returns the value at `index`; a negative index counts from the end. Integers past 2^53 - 1 are bigints.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`, 'index out of range', with the index and the length
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a damaged slot, or one that its writer left half written
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get<I extends IndexOf<Items>>(index: I): Items[I];
  get(index: number): T;
  get(index: number): T {
    const value = this.#slots?.get(index);
    return (value === undefined ? this.#readSlowly(index) : value) as T;
  }

  /**
   * Writes `value` to the slot at `index`; a negative index counts from the end. Every process sees it immediately.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: 'assignment index out of range'; a bigint past 64 bits
   * @throws {SlotFullError} `ERR_SHM_SLOT_FULL`, 'exceeds available storage', for text or bytes longer than the slot,
   *   which keeps its value: see {@link capacity}
   * @throws {TypeError} for a value that a list cannot hold
   * @throws {SegmentAccessError} `EACCES` on a read-only attachment
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  set(index: number, value: T): void {
    if (this.#state.writable?.set(index, value) === true) return;
    const slot = this.#locate(index, 'assignment index out of range');
    if (slot !== index && this.#state.writable?.set(slot, value) === true) return;
    checkStorable(value, slot);
    this.#count();
    listSet(this.#handle, slot, value);
  }

  /** Returns the value at `index` as `Array.prototype.at` does: `undefined` for an index out of range. */
  at<I extends IndexOf<Items>>(index: I): Items[I];
  at(index: number): T | undefined;
  at(index: number): Storable | undefined {
    const whole = Math.trunc(index) || 0;
    const slot = whole < 0 ? whole + this.length : whole;
    return slot >= 0 && slot < this.length ? this.#read(slot) : undefined;
  }

  /**
   * Returns the size of the slot at `index` in bytes: the longest text, in UTF-8, or bytes that {@link set} can write to
   * it. The size never changes; {@link slot} chooses it at creation.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`, 'index out of range'
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a damaged slot
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  capacity(index: number): number {
    return listCapacity(this.#handle, this.#locate(index, 'index out of range'));
  }

  /**
   * Adds `delta` to the integer at `index` and returns the sum, in one atomic step for all processes. A double that is a
   * whole number counts as an integer, and stays a double. Sums of an integer slot past 2^53 - 1 are bigints.
   *
   * @throws {TypeError} when the slot does not hold an integer, or `delta` is neither a number nor a bigint
   * @throws {RangeError} for an index out of range, a fraction, a sum past 64 bits, or a sum that a slot with a double
   *   cannot hold exactly; the slot keeps its value
   */
  add(this: ShareableList<number>, index: number, delta: number | bigint): number;
  add(index: number, delta: number | bigint): number | bigint;
  add(this: ShareableList, index: number, delta: number | bigint): number | bigint {
    const slot = this.#locate(index, 'index out of range');
    if (typeof delta !== 'bigint' && typeof delta !== 'number') {
      throw invalidType(
        'ERR_INVALID_ARG_TYPE',
        `delta must be a number or a bigint, not ${inspect(delta, { depth: 0 })}`,
      );
    }
    if (typeof delta === 'bigint' ? !fitsInt64(delta) : !Number.isSafeInteger(delta)) {
      throw outOfRange(`delta must be a safe integer, or a bigint of 64 bits, not ${delta}`);
    }
    // A negative zero would be passed as a double.
    return listAdd(this.#handle, slot, delta === 0 ? 0 : delta);
  }

  /**
   * Returns how many slots hold `value`. Numbers and bigints are compared by value, bytes by content, others strictly.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a damaged slot
   */
  count(value: T): number {
    const wanted = searchable(value);
    return wanted === undefined ? 0 : listCount(this.#handle, wanted);
  }

  /** Returns the index of the first slot that holds `value`, compared as in {@link count}, or -1. */
  indexOf(value: T): number {
    const wanted = searchable(value);
    return wanted === undefined ? -1 : listFind(this.#handle, wanted, 0);
  }

  /** Returns whether a slot holds `value`, compared as in {@link count}. */
  includes(value: T): boolean {
    return this.indexOf(value) >= 0;
  }

  /** Returns a copy of all values. */
  toArray(): T[] {
    // Growing the array would cost as much as reading the values.
    // oxlint-disable-next-line unicorn/no-new-array -- with this length and no holes in the end
    const values = new Array<T>(this.length);
    for (let slot = 0; slot < values.length; slot++) values[slot] = this.#read(slot);
    return values;
  }

  /** Iterates over the values, each read when it is reached. */
  *values(): IterableIterator<T> {
    for (let slot = 0; slot < this.length; slot++) yield this.#read(slot);
  }

  /** Iterates over the indexes. */
  *keys(): IterableIterator<number> {
    for (let slot = 0; slot < this.length; slot++) yield slot;
  }

  /** Iterates over the indexes with their values. */
  *entries(): IterableIterator<[number, T]> {
    for (let slot = 0; slot < this.length; slot++) yield [slot, this.#read(slot)];
  }

  /** Iterates over the values, each read when it is reached. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  /** Returns a small plain object that names the list, for {@link attach} in another process. */
  toJSON(): ShareableListHandle<T, Items> {
    return { type: 'ShareableList', name: this.name };
  }

  /** Returns what CPython prints: `ShareableList([0, 1, 2], name='psm_…')`; of a long list, the start. Never throws. */
  toString(): string {
    return `ShareableList([${this.#state.shm.closed ? 'closed' : this.#printItems()}], name='${this.name}')`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Closes the list in this process only. Idempotent; never throws. */
  close(): void {
    this.#state.shm.close();
  }

  /**
   * Removes the name of the list's segment.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   */
  unlink(): void {
    this.#state.shm.unlink();
  }

  /** Closes the list. The owner also unlinks it, without an error if that was done before. */
  [dispose](): void {
    this.#state.shm[dispose]();
  }

  /** Does the same as `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }

  /** The number of the segment in the addon, which has the list too. */
  get #handle(): number {
    const { shm } = this.#state;
    if (shm.closed) throw closed('list', this.name);
    return handleOf(shm);
  }

  /** Returns the slot for an index. */
  #locate(index: number, complaint: string): number {
    if (typeof index !== 'number') {
      throw invalidType('ERR_INVALID_ARG_TYPE', `index must be a number, not ${inspect(index, { depth: 0 })}`);
    }
    const slot = index < 0 ? index + this.length : index;
    if (slot >= 0 && slot < this.length && Number.isInteger(slot)) return slot;
    throw outOfRange(
      Number.isInteger(index)
        ? `${complaint}: index ${index}, length ${this.length}`
        : `index must be an integer, not ${index}`,
    );
  }

  #read(slot: number): T {
    const value = this.#slots?.get(slot);
    // The caller claims the type, as for JSON.parse.
    return (value === undefined ? this.#readNatively(slot) : value) as T;
  }

  /** Reads what the fast path does not: by an index from the end, or in the addon. */
  #readSlowly(index: number): T {
    const slot = this.#locate(index, 'index out of range');
    return slot === index ? (this.#readNatively(slot) as T) : this.#read(slot);
  }

  #readNatively(slot: number): unknown {
    this.#count();
    return listGet(this.#handle, slot);
  }

  /** Counts a call of the addon, and makes the fast path after some. */
  #count(): void {
    const state = this.#state;
    const { shm, list } = state;
    if (this.#slots !== undefined || state.calls > FIRST || shm.closed) return;
    state.calls += 1;
    if (state.calls > FIRST && shm.mappedSize <= constants.MAX_LENGTH && Slots.fit(list)) {
      const buffer = listBuffer(this.#handle);
      keepListBuffer(shm, buffer);
      this.#slots = new Slots(buffer, list);
      if (!shm.isReadOnly) state.writable = this.#slots;
    }
  }

  #printItems(): string {
    const items: string[] = [];
    let unreadable = 0;
    for (let slot = 0; slot < Math.min(this.length, PRINTED_ITEMS); slot++) {
      try {
        items.push(inspect(this.#read(slot)));
      } catch {
        items.push('unreadable');
        // A read can take a while until it gives up.
        unreadable += 1;
        if (unreadable === MAX_UNREADABLE) break;
      }
    }
    const rest = this.length - items.length;
    return rest > 0 ? `${items.join(', ')}, … ${rest} more` : items.join(', ');
  }
}
