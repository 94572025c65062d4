import { constants } from 'node:buffer';
import { inspect } from 'node:util';

import type { NativeSegment } from '../native/segments.js';
import { pageSize as nativePageSize, losses } from '../native/binding.js';
import {
  IS_DETACHED,
  IS_GONE,
  attachSegment,
  checkSegment,
  closeSegment,
  createOrAttachSegment,
  createSegment,
  detachListBuffer,
  disposeSegment,
  segmentBuffer,
  unlinkClosed,
  unlinkSegment,
} from '../native/segments.js';
import { checkInternal, internal, takeBack } from '../construct.js';
import {
  announceAttachment,
  announceClose,
  announceCreation,
  announceOpening,
  announceUnlink,
} from '../diagnostics/channels.js';
import type { SegmentKind } from '../diagnostics/messages.js';
import { asyncDispose, dispose } from '../dispose.js';
import { SharedMemoryError, closed, invalidType, outOfRange } from '../errors.js';
import type { Abortable, AttachOptions, CreateOptions, Handle } from '../options.js';
import {
  checkAbortableCreateOptions,
  checkAttachOptions,
  checkCreateOptions,
  checkInteger,
  checkName,
  checkNamelessOptions,
  checkOptions,
  checkSize,
  checkTarget,
  wrongType,
} from '../options.js';
import type { AcquireAsyncOptions } from '../lock/options.js';
import { checkWait } from '../lock/options.js';
import { Newest } from './newest.js';
import { createLater } from './create-later.js';
import { attachAtOnce, once } from './once.js';

/** How to make a segment once. */
export interface OnceOptions extends Omit<CreateOptions, 'name'>, AcquireAsyncOptions {}

/**
 * Fills a segment for {@link SharedMemory.once}. It calls `create` once, with the size in bytes, and fills what that gives.
 */
export type Make = (create: (size: number) => SharedMemory) => void | Promise<void>;

/** What {@link SharedMemory.toJSON} returns and {@link SharedMemory.attach} accepts. */
export type SharedMemoryHandle = Handle<'SharedMemory'>;

/** The constructor of a typed array, such as `Float64Array`. */
export type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor
  | Float16Constructor;

/** The constructor of `Float16Array`, where the program's `lib` knows it. */
type Float16Constructor = typeof globalThis extends { Float16Array: infer C extends { BYTES_PER_ELEMENT: number } }
  ? C
  : never;

/** `Uint8Array<ArrayBuffer>`, written so that TypeScript before 5.7 accepts it. */
type Bytes = InstanceType<Uint8ArrayConstructor>;

/** Whether `type` makes typed arrays, of whichever realm: Jest, `node:vm` and the REPL have intrinsics of their own. */
function isTypedArrayConstructor(type: unknown): type is TypedArrayConstructor {
  if (typeof type !== 'function' || !('BYTES_PER_ELEMENT' in type)) return false;
  for (let prototype: unknown = type.prototype; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    if ((prototype as { constructor?: unknown }).constructor === undefined) return false;
    if ((prototype as { constructor: { name?: unknown } }).constructor.name === 'TypedArray') return true;
  }
  return false;
}

/** Bytes per memory page: 4096 on most machines, 16384 on Apple silicon. */
export const pageSize: number = nativePageSize;

/** @internal Wraps a segment that the addon has opened, for an object of the class `kind`. */
export let wrapSegment: (native: NativeSegment, kind?: SegmentKind) => SharedMemory;

/** @internal What is published about a segment. */
export const factsOfSegment = (native: NativeSegment) => native;

/** @internal The number of an open segment in the addon; 0 once the addon has forgotten it. */
export let handleOf: (shm: SharedMemory) => number;

/** @internal Gives an instance the buffer of the list in it, which is detached at the close. */
export let keepListBuffer: (shm: SharedMemory, buffer: ArrayBuffer) => void;

/** What an instance knows of its segment. */
interface State {
  /** See {@link handleOf}. */
  handle: number;
  /** Says which segment of its name it is. */
  readonly native: NativeSegment;
  readonly kind: SegmentKind;
  buffer: ArrayBuffer | undefined;
  buf: Bytes | undefined;
  /** See {@link keepListBuffer}. */
  listBuffer: ArrayBuffer | undefined;
  isClosed: boolean;
  /** Whether `unlink` has removed the name. */
  isUnlinked: boolean;
  /** The value of the counter of truncated segments when this one was last known to be whole. */
  losses: number | undefined;
}

/** Instances that may be closed before they need a finalizer. */
const newest = new Newest<SharedMemory>((shm) => handleOf(shm));

/**
 * A named segment of memory that several processes can use at once. Each sees the writes of the others immediately.
 *
 * The process that creates a segment owns it, unless created with `track: false`: the end of the `using` scope, or of
 * the process, unlinks it. Attaching never changes that.
 *
 * @example
 * ```ts
 * using shm = SharedMemory.create(1024);
 * shm.array(Float64Array).fill(1.5);
 * child.send(shm.toJSON()); // there: using shm = SharedMemory.attach(handle)
 * ```
 */
export class SharedMemory implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of this a handle: `worker.postMessage(shm)` sends one. */
  declare readonly type: 'SharedMemory';
  /** The segment's name, without a leading slash. */
  declare readonly name: string;
  /** Its size in bytes: as requested; CPython's segments have whole pages on macOS and Windows. */
  declare readonly size: number;
  /** The size of the mapping in bytes: {@link size} rounded up to whole pages. */
  declare readonly mappedSize: number;
  /** Whether disposing of this instance unlinks the segment: this instance created it, with `track: true`. */
  declare readonly isOwner: boolean;
  /** Whether writes through this instance stay in this process. */
  declare readonly isReadOnly: boolean;

  // One private name, and no field with an initial value: the engine sets each of them by a call.
  readonly #state: State;

  static {
    wrapSegment = (native, kind = 'SharedMemory') => {
      try {
        return new SharedMemory(internal, native, kind);
      } catch (error) {
        if (native.isNew) takeBack(() => unlinkSegment(native.handle));
        takeBack(() => disposeSegment(native.handle, undefined));
        throw error;
      }
    };
    handleOf = (shm) => shm.#state.handle;
    keepListBuffer = (shm, buffer) => {
      shm.#state.listBuffer = buffer;
    };
  }

  private constructor(key: typeof internal, native: NativeSegment, kind: SegmentKind) {
    checkInternal(key, 'SharedMemory.create(size, options) or SharedMemory.attach(name)');
    this.type = 'SharedMemory';
    this.name = native.name;
    this.size = native.size;
    this.mappedSize = Math.ceil(native.size / pageSize) * pageSize;
    this.isOwner = native.isOwner;
    this.isReadOnly = native.isReadOnly;
    this.#state = {
      handle: native.handle,
      native,
      kind,
      buffer: undefined,
      buf: undefined,
      listBuffer: undefined,
      isClosed: false,
      isUnlinked: false,
      losses: losses[0],
    };
    Object.preventExtensions(this);
    newest.add(this);
  }

  /**
   * Creates a segment of zeros. On Linux, its memory is reserved at once, so that no later write can fail, and no
   * process can attach before it is complete.
   *
   * @param size in bytes, 1 to 2^53 - 1
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a size or mode out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {SharedMemoryError} `EBUSY` on Windows, when a process still has an unlinked segment of the name open
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   */
  static create(size: number, options?: CreateOptions): SharedMemory {
    const created = createSegment(checkSize(size), checkCreateOptions(options, SharedMemory.create));
    return wrapSegment(announceCreation('SharedMemory', created));
  }

  /**
   * Creates a segment as {@link create} does, without blocking the event loop while memory is reserved, which takes about a
   * quarter of a second per GiB.
   *
   * @param size in bytes, 1 to 2^53 - 1
   * @param options as for {@link create}; aborting `signal` gives the creation up and leaves nothing behind
   * @throws the reason of the signal when it is aborted; the errors of {@link create}
   */
  static async createAsync(size: number, options?: CreateOptions & Abortable): Promise<SharedMemory> {
    const { checked, signal } = checkAbortableCreateOptions(options, SharedMemory.createAsync);
    return wrapSegment(announceCreation('SharedMemory', await createLater(checkSize(size), checked, signal)));
  }

  /**
   * Opens an existing segment by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it, or the name belongs to something else
   */
  static attach(target: string | SharedMemoryHandle, options?: AttachOptions): SharedMemory {
    const name = checkTarget(target, 'SharedMemory');
    const { readOnly, allowForeign } = checkAttachOptions(options);
    return wrapSegment(announceAttachment('SharedMemory', attachSegment(name, readOnly, allowForeign)));
  }

  /**
   * Attaches to the segment called `name`, or creates it. If several processes do so at once, exactly one creates it;
   * with `track: true` that one has {@link isOwner}.
   *
   * @param size in bytes: the size of a new segment, and the minimum for an existing one
   * @throws {RangeError} `ERR_OUT_OF_RANGE` when the existing segment is smaller
   */
  static createOrAttach(name: string, size: number, options?: Omit<CreateOptions, 'name'>): SharedMemory {
    const checked = checkNamelessOptions(options, SharedMemory.createOrAttach);
    const opened = createOrAttachSegment(checkName(name), checkSize(size), checked);
    return wrapSegment(announceOpening('SharedMemory', opened, factsOfSegment));
  }

  /**
   * Attaches to the segment called `name`. If it does not exist, one process creates it and the others wait for it.
   *
   * Exactly one process, or thread, at a time runs `make`. The name appears when `make` has ended, so no process attaches to
   * a segment that is half filled. When `make` throws, its caller gets the error; when its process or thread dies, nothing is left. In
   * both cases the next waiter runs its own `make`. Where a segment cannot be hidden while it is filled (macOS),
   * `make` fills another one that is copied at the end, and only `once` waits for the copy.
   *
   * With `track: true`, the default, the maker owns the segment, as with {@link create}: it goes with the maker's scope or
   * process, while others keep what they have attached to. With `track: false` it stays until a process calls
   * {@link unlink}, which is what a cache for processes that come and go needs. A manager's `once` is the third way.
   *
   * If the maker was killed together with its helper process, the segment is replaced, as by {@link createOrAttach}. While
   * another process still uses it, `once` attaches to it, because its contents are complete.
   *
   * @param options.timeout how long to wait for another maker, in milliseconds. Default: for ever. A `make` of this call
   *   is not interrupted.
   * @param options.signal gives up the wait for another maker
   * @throws {SharedMemoryError} `ETIMEDOUT` when another process has not finished in time; `ABORT_ERR` when the signal aborts
   *   the wait, with its reason as the `cause`; `ERR_SHM_ONCE` when `make` does not call `create` exactly once, or calls
   *   `once` with the same name
   * @throws what `make` throws, and what {@link create} and {@link attach} throw
   *
   * @example
   * ```ts
   * using table = await SharedMemory.once('flights-2024', async (create) => {
   *   const bytes = await readFile('flights.bin');
   *   create(bytes.length).buf.set(bytes);
   * });
   * ```
   */
  static async once(name: string, make: Make, options?: OnceOptions): Promise<SharedMemory> {
    const known = ['track', 'mode', 'exactMode', 'sparse', 'timeout', 'signal'] as const;
    const { timeout, signal, ...others } = checkOptions<OnceOptions>(options, known);
    if (typeof make !== 'function') throw wrongType('make', 'a function', make);
    const wait = checkWait({ timeout, signal });
    checkNamelessOptions(others);
    // The usual case: an attach, and a look whether the owner lives. Nothing has to be prepared.
    const existing = signal?.aborted === true ? undefined : attachAtOnce(checkName(name));
    if (existing !== undefined) return wrapSegment(announceAttachment('SharedMemory', existing));
    const checked = { ...checkNamelessOptions(others, SharedMemory.once), name };
    return once({ name: checkName(name), make, options: checked, ...wait, wrap: wrapSegment });
  }

  /**
   * The segment's bytes themselves, not a copy. The buffer is made on first use and is then the same each time. Its
   * length is 0 after {@link close}.
   *
   * If the buffer was moved away (`transfer()`, a byte stream, `postMessage`), the next use makes a new one over the same
   * bytes. The moved one shares them until {@link close} and reads as zeros afterwards.
   *
   * Do not decode text in place while others may write: `new TextDecoder().decode(shm.buf)` and
   * `Buffer.from(shm.buffer).toString()` can crash Node. Decode a copy: `new TextDecoder().decode(shm.buf.slice(0, n))`.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` where the runtime does not allow such a buffer, or not of
   *   that size (Node 20: 4 GiB); `ERR_SHM_TRUNCATED` when another process has truncated the segment and this one has
   *   accessed the missing part
   */
  get buffer(): ArrayBuffer {
    const state = this.#state;
    if (state.isClosed) throw closed('segment', this.name);
    if (state.losses !== losses[0]) {
      checkSegment(state.handle);
      state.losses = losses[0];
    }
    if (state.buffer === undefined || state.buffer.byteLength === 0) {
      state.buffer = this.#makeBuffer();
      state.buf = undefined;
    }
    return state.buffer;
  }

  #makeBuffer(): ArrayBuffer {
    if (this.size > constants.MAX_LENGTH) {
      throw new SharedMemoryError(
        `segment '${this.name}' has ${this.size} bytes, and a buffer of this runtime at most ${constants.MAX_LENGTH}`,
        { code: 'ERR_SHM_UNSUPPORTED', segment: this.name },
      );
    }
    return segmentBuffer(this.#state.handle);
  }

  /**
   * A view of all bytes of {@link buffer}.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  get buf(): Bytes {
    const { buffer } = this;
    return (this.#state.buf ??= new Uint8Array(buffer));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#state.isClosed;
  }

  /**
   * A typed array over {@link buffer}.
   *
   * @param byteOffset in bytes, a multiple of the type's element size. Default: 0
   * @param length in elements. Default: as many as fit
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a misaligned offset, or an array that does not fit the segment
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  array<T extends TypedArrayConstructor>(type: T, byteOffset = 0, length?: number): InstanceType<T> {
    if (!isTypedArrayConstructor(type)) {
      throw invalidType(
        'ERR_INVALID_ARG_TYPE',
        `type must be the constructor of a typed array, not ${inspect(type, { depth: 0 })}`,
      );
    }
    const { BYTES_PER_ELEMENT: step } = type;
    checkInteger('byteOffset', byteOffset, 0, this.size);
    if (byteOffset % step !== 0) {
      throw outOfRange(`byteOffset must be a multiple of ${step}, the element size of ${type.name}, not ${byteOffset}`);
    }
    const room = Math.floor((this.size - byteOffset) / step);
    const count = length === undefined ? room : checkInteger('length', length, 0, room);
    return new type(this.buffer, byteOffset, count) as InstanceType<T>;
  }

  /**
   * Closes the segment in this process only. Afterwards every view over {@link buffer} has length 0. Idempotent; never
   * throws.
   */
  close(): void {
    if (!this.#state.isClosed) this.#leave(closeSegment);
  }

  /** Ends this instance by a function of the addon, which detaches the buffer. */
  #leave(end: typeof closeSegment): void {
    const state = this.#state;
    if (!state.isClosed) announceClose(state.kind, this.name);
    state.isClosed = true;
    const { buffer, listBuffer } = state;
    state.buffer = undefined;
    state.buf = undefined;
    state.listBuffer = undefined;
    const isListDetached = listBuffer === undefined || detachListBuffer(state.handle, listBuffer);
    const ending = end(state.handle, buffer);
    if ((ending & IS_GONE) !== 0) {
      state.handle = 0;
      newest.remove(this);
    }
    if ((ending & IS_DETACHED) === 0 || !isListDetached) {
      process.emitWarning(`This runtime keeps the views of segment '${this.name}' alive; they are no longer shared.`, {
        code: 'SHM_NOT_DETACHED',
      });
    }
  }

  /**
   * Removes the segment's name at once, so that no process can attach. Existing attachments keep working until they are
   * closed. The memory is freed when the last one is closed.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user is not allowed to
   */
  unlink(): void {
    const state = this.#state;
    const { deviceHigh, deviceLow, inodeHigh, inodeLow } = state.native;
    if (state.handle === 0) unlinkClosed(this.name, deviceHigh, deviceLow, inodeHigh, inodeLow);
    else unlinkSegment(state.handle);
    state.isUnlinked = true;
    announceUnlink(state.kind, this.name);
  }

  /** Returns a small plain object that names the segment, for {@link attach} in another process. */
  toJSON(): SharedMemoryHandle {
    return { type: 'SharedMemory', name: this.name };
  }

  toString(): string {
    return `SharedMemory('${this.name}', size=${this.size}${this.closed ? ', closed' : ''})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Closes the segment. The owner also unlinks it, without an error if that was done before. */
  [dispose](): void {
    // Closes and unlinks in one step; doing them separately would need a second mapping.
    const state = this.#state;
    if (state.handle !== 0) this.#leave(disposeSegment);
    if (this.isOwner && !state.isUnlinked) {
      state.isUnlinked = true;
      announceUnlink(state.kind, this.name);
    }
  }

  /** Does the same as `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }
}

/**
 * Rounds a number of bytes up to whole pages.
 *
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a negative number or a fraction, or a result past 2^53 - 1
 */
export function roundUpToPage(bytes: number): number {
  const largest = Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % pageSize);
  // Adding 0 turns -0 into 0.
  return Math.ceil(checkInteger('bytes', bytes, 0, largest) / pageSize) * pageSize + 0;
}
