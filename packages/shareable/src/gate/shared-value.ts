import { clock } from '../native/clock.js';
import { inspect } from 'node:util';

import { checkCodec, findCodec } from '../channel/options.js';
import type { Codec } from '../codec/codec.js';
import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { SegmentClosedError, invalidType } from '../errors.js';
import { gateGive, gateLayout, gateRead, gateWrite } from '../native/binding.js';
import type { Handle } from '../options.js';
import { checkOptions, wrongType } from '../options.js';
import { heldBySelf, waitErrors } from './errors.js';
import { FastValue } from './fast-value.js';
import { CHANGE, Gate, WRITE } from './gate.js';
import type { SharedValueAttachOptions, SharedValueOptions } from './value-options.js';
import { Encoder, checkValueOptions, defaultCapacity } from './value-options.js';
import type { Wait } from './wait.js';
import { checkWait } from './wait.js';

/** What {@link SharedValue.toJSON} gives and {@link SharedValue.attach} takes back. */
export type SharedValueHandle<T> = Handle<'SharedValue'> & { readonly __value?: T };

/** How to wait for a change. */
export interface ChangedOptions extends Wait {
  /** The version that the caller knows: resolves at once if there is another one. Default: the version now. */
  since?: number | undefined;
}

/** Values up to this many bytes are read into memory that is used again. */
const SMALL = 65_536;

/** The names of the shared values that this thread is updating, by whichever instance. */
const updating = new Set<string>();

/** Bytes of the version before a value that was read. */
const VERSION_BYTES = 8;

/**
 * One value that processes share: always the latest one, always whole. For configuration, progress and published results.
 *
 * A reader never waits: it sees the old value or the new one, also while a writer is stopped or is killed. Writers take
 * turns. A writer that is killed leaves the old value.
 *
 * @example
 * ```ts
 * using settings = SharedValue.create({ level: 'info', limit: 10 });
 * child.send(settings.toJSON()); // there: SharedValue.attach(handle)
 * settings.update((now) => ({ ...now, limit: now.limit + 1 }));
 * for await (const { limit } of settings) pool.resize(limit);
 * ```
 */
export class SharedValue<T> implements Disposable, AsyncDisposable, AsyncIterable<T> {
  /** With {@link name}, what makes a structured clone of the value a handle: `worker.postMessage(value)` sends one. */
  readonly type = 'SharedValue';
  /** The name of the value's segment. */
  readonly name: string;
  /** Bytes that one encoded value may take. */
  readonly capacity: number;

  readonly #gate: Gate;
  readonly #codec: Codec<T>;
  readonly #encoder: Encoder<T>;
  readonly #fast: FastValue;
  readonly #version: Float64Array;
  /** The version that was decoded last; 0 for none. */
  #known = 0;
  #value: T | undefined;
  #scratch: Uint8Array<ArrayBuffer>;
  #isUpdating = false;

  private constructor(key: typeof internal, gate: Gate, codec: Codec<T>) {
    checkInternal(key, 'SharedValue.create() or SharedValue.attach()');
    const { native } = gate;
    this.name = native.name;
    this.capacity = native.capacity;
    this.#gate = gate;
    this.#codec = codec;
    this.#encoder = new Encoder(codec);
    this.#fast = new FastValue(gate);
    this.#version = new Float64Array(gate.words.buffer, gateLayout.version * Float64Array.BYTES_PER_ELEMENT, 1);
    this.#scratch = new Uint8Array(VERSION_BYTES + Math.min(this.capacity, SMALL));
    Object.preventExtensions(this);
  }

  static #open<T>(gate: Gate, codec: Codec<T> | undefined): SharedValue<T> {
    return Gate.over(
      gate,
      () => new SharedValue(internal, gate, findCodec(codec, gate.native.codec, gate.name, gate.noun)),
    );
  }

  /**
   * Creates a shared value in a segment of its own, with its first value as version 1.
   *
   * @throws {SlotFullError} `ERR_SHM_SLOT_FULL` when the value is longer than the capacity
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a capacity of 0 or above 2^31 bytes, and for other numbers out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for a value that the codec cannot encode, and
   *   for wrong options
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each shared value uses one
   */
  static create<T>(value: T, options?: SharedValueOptions<T>): SharedValue<T> {
    const { capacity, codec, segment } = checkValueOptions(options, SharedValue.create);
    return SharedValue.#open(SharedValue.#make(value, capacity, codec, segment), codec);
  }

  /**
   * Opens an existing shared value by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a shared value, or one of another codec
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach<T>(target: string | SharedValueHandle<T>, options?: SharedValueAttachOptions<T>): SharedValue<T> {
    const { codec, ...rest } = checkOptions(options, ['codec', 'allowForeign']);
    if (codec !== undefined) checkCodec(codec);
    return SharedValue.#open(Gate.attach('SharedValue', target, rest), codec);
  }

  /**
   * Opens the shared value called `name`, or creates it with `value`, without a race between the two. An existing one
   * keeps its value and capacity.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach<T>(name: string, value: T, options?: Omit<SharedValueOptions<T>, 'name'>): SharedValue<T> {
    const { capacity, codec, segment } = checkValueOptions({ ...options, name }, SharedValue.createOrAttach);
    return SharedValue.#open(SharedValue.#make(value, capacity, codec, segment, name), codec);
  }

  static #make<T>(
    value: T,
    capacity: number | undefined,
    codec: Codec<T>,
    segment: ReturnType<typeof checkValueOptions>['segment'],
    sharedName?: string,
  ): Gate {
    const encoder = new Encoder(codec);
    const length = encoder.encode(value);
    const first = encoder.bytes.subarray(0, length);
    const described = { codec: codec.id, capacity: capacity ?? defaultCapacity(first.length), first };
    return Gate.create('SharedValue', segment, 0, sharedName, described);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /** The number of the latest value: 1 for the first one, and one more with each {@link set}. 0 after close. */
  get version(): number {
    if (this.#gate.isClosed) return 0;
    const version = this.#version[0] ?? 0;
    this.#gate.checkWhole();
    return version;
  }

  /**
   * Returns the latest value, whole. It is decoded once per version, so an object is the same one until the value changes:
   * do not change it.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for bytes that the codec does not write
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get(): T {
    if (this.#version[0] === this.#known) this.#gate.checkWhole();
    else this.#load();
    return this.#value as T;
  }

  /**
   * Makes `value` the latest one, for all processes at once. Blocks this thread while another one is in {@link update}.
   *
   * @throws {SlotFullError} `ERR_SHM_SLOT_FULL` when the encoded value is longer than {@link capacity}; the old one stays
   * @throws {TypeError} for a value that the codec cannot encode
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  set(value: T): void {
    this.#gate.check();
    this.#checkFree();
    const { handle } = this.#gate.native;
    const length = this.#encoder.encode(value);
    if (this.#fast.write(this.#encoder.bytes, length)) return this.#gate.queue.wake();
    if (gateWrite(handle, this.#encoder.bytes, length) >= 0) return this.#gate.queue.wake();
    this.#checkOthers();
    this.#lock();
    try {
      gateWrite(handle, this.#encoder.bytes, length);
    } finally {
      this.#unlock();
    }
  }

  /**
   * Reads the latest value, lets `change` compute the next one from it, and writes that. No other writer can write in
   * between; readers go on. Blocks this thread while another one is in `update`. If `change` throws, or its process dies,
   * the old value stays.
   *
   * @param change gets a value of its own, which it may change and return; it must not wait for other writers
   * @returns the new value
   * @throws what {@link get} and {@link set} throw, and what `change` throws
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when it, or `set`, is called within `change`, by another instance too
   */
  update(change: (value: T) => T): T {
    if (typeof change !== 'function') throw wrongType('change', 'a function', change);
    this.#gate.check();
    this.#checkFree();
    this.#checkOthers();
    this.#lock();
    try {
      this.#isUpdating = true;
      updating.add(this.name);
      const next = change(this.#decode(this.#read()));
      if (isPromise(next)) throw invalidType('ERR_INVALID_ARG_TYPE', 'change must return a value, not a promise');
      const length = this.#encoder.encode(next);
      gateWrite(this.#gate.native.handle, this.#encoder.bytes, length);
      return next;
    } finally {
      this.#isUpdating = false;
      updating.delete(this.name);
      this.#unlock();
    }
  }

  /**
   * Waits until there is another value than that of version `since`, and returns the latest one. Values in between are
   * skipped. The process stays alive while any task waits.
   *
   * @throws {WaitTimeoutError} `ETIMEDOUT` when there was none in time
   * @throws {WaitAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` also when it is closed during the wait
   */
  async changed(options?: ChangedOptions): Promise<T> {
    const { since = this.version, ...rest } = checkOptions<ChangedOptions>(options, ['since', 'timeout', 'signal']);
    if (typeof since !== 'number') throw wrongType('option since', 'a version', since);
    const wait = checkWait(rest);
    const errors = waitErrors(this.#gate, 'had no new value', wait.timeout);
    const end = clock() + wait.timeout;
    if (wait.signal?.aborted === true) throw errors.aborted(wait.signal);
    while (true) {
      this.#gate.check();
      // Before the version: a change after this one ends the wait.
      const { phase } = this.#gate;
      if (this.version !== since) return this.get();
      const timeout = Math.max(end - clock(), 0);
      if (timeout === 0) throw errors.timedOut();
      await this.#gate.waitAsync(CHANGE, phase, { timeout, signal: wait.signal }, errors);
    }
  }

  /** The latest value now, and again after each change. Values in between are skipped. Ends when this is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let since = 0;
    while (!this.#gate.isClosed) {
      let value: T;
      try {
        value = await this.changed({ since });
      } catch (error) {
        if (error instanceof SegmentClosedError) return;
        throw error;
      }
      since = this.#known;
      yield value;
    }
  }

  /** Closes the shared value in this process. Pending promises of {@link changed} reject, and iterators end. Idempotent. */
  close(): void {
    this.#gate.close();
  }

  /**
   * Removes the name of the segment at once: no process can attach any more. Existing attachments keep working.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user is not allowed to
   */
  unlink(): void {
    this.#gate.unlink();
  }

  /** Returns a small plain object that names the shared value, for {@link attach} in another process or thread. */
  toJSON(): SharedValueHandle<T> {
    return { type: 'SharedValue', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => `, version ${this.version}`);
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Closes. The owner also unlinks, without an error if that was done before. */
  [dispose](): void {
    this.#gate.dispose();
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }

  /** Decodes the latest value, unless it is known. */
  #load(): void {
    this.#gate.check();
    const bytes = this.#read();
    const version = versionOf(this.#scratch);
    this.#value = this.#decode(bytes);
    this.#known = version;
  }

  /** Copies the latest value, after its version. */
  #read(): Uint8Array<ArrayBuffer> {
    const { handle } = this.#gate.native;
    while (true) {
      const length = gateRead(handle, this.#scratch);
      this.#gate.checkWhole();
      if (VERSION_BYTES + length <= this.#scratch.length) {
        return this.#scratch.subarray(VERSION_BYTES, VERSION_BYTES + length);
      }
      this.#scratch = new Uint8Array(VERSION_BYTES + length);
    }
  }

  #decode(bytes: Uint8Array<ArrayBuffer>): T {
    // What a codec returns may be a view of the bytes.
    return this.#codec.decode(bytes.slice());
  }

  #checkFree(): void {
    if (this.#isUpdating) throw heldBySelf(this.#gate, 'change must not call set or update');
  }

  /** Throws where a wait for the writer would be one for this thread. */
  #checkOthers(): void {
    if (updating.has(this.name)) throw heldBySelf(this.#gate, 'change must not call set or update');
  }

  #lock(): void {
    const errors = waitErrors(this.#gate, 'was being updated', Infinity);
    if (this.#gate.wait(WRITE, 0, Infinity, errors) === true) this.#gate.announceRecovery();
  }

  #unlock(): void {
    gateGive(this.#gate.native.handle, WRITE);
    this.#gate.queue.wake();
  }
}

function versionOf(bytes: Uint8Array<ArrayBuffer>): number {
  return new DataView(bytes.buffer).getFloat64(0, true);
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
