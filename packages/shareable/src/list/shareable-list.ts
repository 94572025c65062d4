import { inspect } from 'node:util';

import type { NativeList } from '../native/binding.js';
import {
  attachList,
  attachSegment,
  createList,
  listAdd,
  listCount,
  listFind,
  listFormat,
  listGet,
  listSet,
} from '../native/binding.js';
import { checkInternal, internal } from '../construct.js';
import { invalidType, outOfRange } from '../errors.js';
import type { AttachOptions, CreateOptions, Handle } from '../options.js';
import { checkAttachOptions, checkCreateOptions, checkTarget } from '../options.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { wrapSegment } from '../memory/shared-memory.js';
import { Slots } from './slots.js';
import type { Storable, Widened } from './values.js';
import { checkStorable, fitsInt64, isStorable, pack } from './values.js';

/** What {@link ShareableList.toJSON} gives and {@link ShareableList.attach} takes back. */
export type ShareableListHandle = Handle<'ShareableList'>;

/** Printing shows this many items. */
const PRINTED_ITEMS = 100;
/** And ends after as many items that cannot be read. */
const MAX_UNREADABLE = 3;

/**
 * A list of fixed length in shared memory, whose slots take numbers, bigints, booleans, strings, bytes and null; byte
 * for byte CPython's `multiprocessing.shared_memory.ShareableList`, so Python 3.9 to 3.14 can share it.
 *
 * A slot keeps the size that its first value needed: 8 bytes for numbers, booleans and null; for strings (counted in
 * UTF-8) and bytes the next multiple of 8 above their length. A number written where a double stands stays a double.
 *
 * Every process sees a write at once. A reader that races a writer gets the old value or the new one. To read, change
 * and write as one step, use {@link add} or a lock.
 *
 * @example
 * ```ts
 * using list = ShareableList.create([1, 2.5, 'three', null]);
 * list.set(0, list.get(0) + 41);
 * child.send(list.toJSON()); // there: using list = ShareableList.attach(handle)
 * ```
 */
export class ShareableList<T extends Storable = Storable> implements Iterable<T>, Disposable, AsyncDisposable {
  /** The number of slots. */
  readonly length: number;
  /** The segment that holds the list. */
  readonly shm: SharedMemory;

  readonly #handle: NativeList['handle'];
  readonly #slots: Slots;

  private constructor(key: typeof internal, shm: SharedMemory, list: NativeList) {
    checkInternal(key, 'ShareableList.create() or ShareableList.attach()');
    this.shm = shm;
    this.length = list.length;
    this.#handle = list.handle;
    this.#slots = new Slots(shm.buffer, list);
  }

  /**
   * Creates a list of `values` in a segment of its own. On Linux nobody can attach before all of them are in it.
   *
   * @throws {TypeError} for a value that no list can hold, with its type and index
   * @throws {RangeError} for a bigint past 64 bits, and for text or bytes of 9,999,992 bytes or more
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   */
  static create<T extends Storable>(values: Iterable<T>, options?: CreateOptions): ShareableList<Widened<T>> {
    const checked = checkCreateOptions(options, ShareableList.create);
    const { numbers, indexes, others } = pack(values);
    const { segment, list } = createList(numbers, indexes, others, checked);
    const shm = wrapSegment(segment);
    try {
      return new ShareableList<Widened<T>>(internal, shm, list);
    } catch (error) {
      shm.close();
      shm.unlink();
      throw error;
    }
  }

  /**
   * Opens the list in an existing segment, by name or handle, in constant time. It may be CPython's.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when mode or owner forbid it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a list
   */
  static attach<T extends Storable = Storable>(
    target: string | ShareableListHandle,
    options?: AttachOptions,
  ): ShareableList<T> {
    const name = checkTarget(target, 'ShareableList');
    const { readOnly, allowForeign } = checkAttachOptions(options);
    const segment = attachSegment(name, readOnly, allowForeign);
    const shm = wrapSegment(segment);
    try {
      return new ShareableList<T>(internal, shm, attachList(segment.handle));
    } catch (error) {
      shm.close();
      throw error;
    }
  }

  /** The name of the list's segment. */
  get name(): string {
    return this.shm.name;
  }

  /**
   * The struct formats of all slots, one after the other, as CPython shows them: `8sdqxxxxxx?x`.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a slot that is not a list's
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get format(): string {
    return listFormat(this.#handle);
  }

  /**
   * The value at `index`; a negative one counts from the end. An integer past 2^53 - 1 comes as a bigint.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`, 'index out of range'
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a slot that is not a list's, or that its writer left half written
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get(index: number): T {
    return this.#read(this.#isPlain(index) ? index : this.#locate(index, 'index out of range'));
  }

  /**
   * Writes `value` to the slot at `index`; a negative one counts from the end. Every process sees it at once.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: 'assignment index out of range'; 'exceeds available storage' for text or
   *   bytes longer than the slot, which keeps its value; a bigint past 64 bits
   * @throws {TypeError} for a value that no list can hold
   * @throws {SegmentAccessError} `EACCES` on a read-only attachment
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  set(index: number, value: T): void {
    const slot = this.#isPlain(index) ? index : this.#locate(index, 'assignment index out of range');
    if (!this.shm.isReadOnly && this.#slots.set(slot, value)) return;
    checkStorable(value, slot);
    listSet(this.#handle, slot, value);
  }

  /** The value at `index` by the conventions of `Array.prototype.at`: `undefined` where there is none. */
  at(index: number): T | undefined {
    const whole = Math.trunc(index) || 0;
    const slot = whole < 0 ? whole + this.length : whole;
    return slot >= 0 && slot < this.length ? this.#read(slot) : undefined;
  }

  /**
   * Adds `delta` to the integer at `index` and returns the sum, in one step that no other process can come between.
   *
   * @throws {TypeError} when the slot holds no integer, or `delta` is no number or bigint
   * @throws {RangeError} for an index out of range, a fraction, or a sum past 64 bits; the slot keeps its value
   */
  add(index: number, delta: number | bigint): number | bigint {
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
    // A zero with a sign would cross as a double.
    return listAdd(this.#handle, slot, delta === 0 ? 0 : delta);
  }

  /**
   * How many slots hold `value`: numbers and bigints are compared by value, bytes by content, the rest strictly.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for a slot that is not a list's
   */
  count(value: T): number {
    return isStorable(value) ? listCount(this.#handle, value) : 0;
  }

  /** The index of the first slot that holds `value`, compared as in {@link count}; -1 if there is none. */
  indexOf(value: T): number {
    return isStorable(value) ? listFind(this.#handle, value, 0) : -1;
  }

  /** Whether any slot holds `value`, compared as in {@link count}. */
  includes(value: T): boolean {
    return this.indexOf(value) >= 0;
  }

  /** A copy of all values. */
  toArray(): T[] {
    // Of its full length at once: growing it costs as much as reading the values.
    // oxlint-disable-next-line unicorn/no-new-array -- with this length and no holes in the end
    const values = new Array<T>(this.length);
    for (let slot = 0; slot < values.length; slot++) values[slot] = this.#read(slot);
    return values;
  }

  /** The values, each read when it is asked for. */
  *values(): IterableIterator<T> {
    for (let slot = 0; slot < this.length; slot++) yield this.#read(slot);
  }

  /** The indexes. */
  *keys(): IterableIterator<number> {
    for (let slot = 0; slot < this.length; slot++) yield slot;
  }

  /** The indexes and values. */
  *entries(): IterableIterator<[number, T]> {
    for (let slot = 0; slot < this.length; slot++) yield [slot, this.#read(slot)];
  }

  /** Iterates over the values, each read when it is reached. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  /** A small plain object that names the list, for another process's {@link attach}. */
  toJSON(): ShareableListHandle {
    return { type: 'ShareableList', name: this.name };
  }

  /** As CPython prints it: `ShareableList([0, 1, 2], name='psm_…')`, of long lists the beginning. Never throws. */
  toString(): string {
    return `ShareableList([${this.shm.closed ? 'closed' : this.#printItems()}], name='${this.name}')`;
  }

  /** What `console.log` and `util.inspect` print. */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Drops this process's use of the list; others keep theirs. Idempotent, and never throws. */
  close(): void {
    this.shm.close();
  }

  /**
   * Removes the name of the list's segment.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when it was unlinked before, by anyone
   */
  unlink(): void {
    this.shm.unlink();
  }

  /** Closes; the owner also unlinks, quietly if that was done before. */
  [Symbol.dispose](): void {
    this.shm[Symbol.dispose]();
  }

  /** As `[Symbol.dispose]`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  /** Whether `index` is a slot's as it stands, as most are. */
  #isPlain(index: number): boolean {
    return typeof index === 'number' && index >>> 0 === index && index < this.length;
  }

  /** The slot that `index` means. */
  #locate(index: number, complaint: string): number {
    if (typeof index !== 'number') {
      throw invalidType('ERR_INVALID_ARG_TYPE', `index must be a number, not ${inspect(index, { depth: 0 })}`);
    }
    const slot = index < 0 ? index + this.length : index;
    if (slot >= 0 && slot < this.length && Number.isInteger(slot)) return slot;
    throw outOfRange(Number.isInteger(index) ? complaint : `index must be an integer, not ${index}`);
  }

  #read(slot: number): T {
    const value = this.#slots.get(slot);
    // The type is the caller's claim, as it is of an array that was parsed from JSON.
    return (value === undefined ? listGet(this.#handle, slot) : value) as T;
  }

  #printItems(): string {
    const items: string[] = [];
    let unreadable = 0;
    for (let slot = 0; slot < Math.min(this.length, PRINTED_ITEMS); slot++) {
      try {
        items.push(inspect(this.#read(slot)));
      } catch {
        items.push('unreadable');
        // Each one might take a while to be given up.
        unreadable += 1;
        if (unreadable === MAX_UNREADABLE) break;
      }
    }
    const rest = this.length - items.length;
    return rest > 0 ? `${items.join(', ')}, … ${rest} more` : items.join(', ');
  }
}
