import { inspect } from 'node:util';

import type { NativeLock } from '../native/binding.js';
import {
  attachLock,
  closeLock,
  createLock,
  disposeLock,
  lockAcquire,
  lockBuffer,
  lockRelease,
  lockTry,
  losses,
  unlinkLock,
} from '../native/binding.js';
import { checkInternal, internal } from '../construct.js';
import { dispose } from '../dispose.js';
import { closed } from '../errors.js';
import { aborted, heldHere, timedOut } from './errors.js';
import type { LockGuard, Releasable } from './guard.js';
import { makeGuard } from './guard.js';
import type { AcquireAsyncOptions, AcquireOptions } from './options.js';
import { checkTimeout, checkWait } from './options.js';
import { LockQueue, getEnvironment } from './queue.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkTarget } from '../options.js';

export type { AcquireAsyncOptions, AcquireOptions } from './options.js';

/** What {@link Lock.toJSON} returns and {@link Lock.attach} accepts. */
export type LockHandle = Handle<'Lock'>;

/** The longest time that one native call blocks, in milliseconds. Between two calls, a worker can be terminated. */
const SLICE = 50;

/** The word of a closed lock, which is never free. */
const GONE = Int32Array.of(-1);

/** The locks of this thread by segment, so that two instances of one lock do not wait for each other. */
const siblings = new Map<string, Set<WeakRef<Lock>>>();

/**
 * Provides mutual exclusion between processes, and between the threads of a process.
 *
 * The holder sees everything that earlier holders wrote, in any segment. When a holder dies without releasing, in any
 * way, the lock becomes free, and {@link LockGuard.recovered} tells the next holder. A stopped process keeps the lock.
 * `docs/platforms.md` says how platforms differ.
 *
 * Not re-entrant: a thread that holds the lock cannot acquire it again, not even through another instance.
 *
 * @example
 * ```ts
 * using lock = Lock.create();
 * using list = ShareableList.create([0]);
 * child.send([lock.toJSON(), list.toJSON()]); // there: Lock.attach(handle)
 * {
 *   using guard = lock.acquire();
 *   list.set(0, list.get(0) + 1);
 * }
 * ```
 */
export class Lock implements Disposable {
  /** With {@link name}, what makes a structured clone of the lock a handle: `worker.postMessage(lock)` sends one. */
  readonly type = 'Lock';
  /** The name of the lock's segment. */
  readonly name: string;

  readonly #native: NativeLock;
  readonly #buffer: ArrayBuffer;
  readonly #seat: number;
  readonly #queue: LockQueue;
  readonly #self: WeakRef<Lock>;
  readonly #releasable: Releasable;
  #word: Int32Array;
  #held = false;
  #closed = false;
  /** The value of the counter of truncated segments when this one was last known to be whole. */
  #losses = losses[0];

  private constructor(key: typeof internal, native: NativeLock) {
    checkInternal(key, 'Lock.create() or Lock.attach(name)');
    this.name = native.name;
    this.#native = native;
    this.#seat = native.seat;
    this.#buffer = lockBuffer(native.handle);
    this.#word = new Int32Array(this.#buffer).subarray(native.word, native.word + 1);
    this.#queue = new LockQueue(native);
    this.#releasable = { release: () => this.#release() };
    this.#self = new WeakRef(this);
    const others = siblings.get(native.identity) ?? new Set();
    for (const other of others) if (other.deref() === undefined) others.delete(other);
    siblings.set(native.identity, others.add(this.#self));
    Object.preventExtensions(this);
  }

  /**
   * Creates a free lock in a small segment of its own.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a mode out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each lock uses one
   */
  static create(options?: CreateOptions): Lock {
    const native = createLock(getEnvironment(), checkCreateOptions(options, Lock.create));
    try {
      return new Lock(internal, native);
    } catch (error) {
      disposeLock(native.handle);
      throw error;
    }
  }

  /**
   * Opens an existing lock by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a lock
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each lock uses one
   */
  static attach(target: string | LockHandle): Lock {
    return new Lock(internal, attachLock(getEnvironment(), checkTarget(target, 'Lock')));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Acquires the lock. Blocks this thread, with its event loop, until the lock is free. In a worker, `terminate()` ends
   * the wait within 50 ms.
   *
   * @throws {LockTimeoutError} `ETIMEDOUT` when the lock was not free within the time-out
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this thread holds it; `ERR_SHM_TRUNCATED` when another process
   *   has truncated the segment
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a time-out that is negative or not finite
   */
  acquire(options?: AcquireOptions): LockGuard {
    if (options === undefined && this.#takeIfFree()) return this.#guard(false);
    const timeout = checkTimeout(options);
    this.#checkUse();
    const { handle } = this.#native;
    const start = performance.now();
    for (let waited = 0; ; waited = performance.now() - start) {
      const left = timeout - waited;
      const taken = left > 0 ? lockAcquire(handle, waited, Math.min(left, SLICE)) : lockTry(handle);
      if (taken >= 0) return this.#guard(taken === 1);
      if (left <= 0) throw timedOut(this.name, timeout);
    }
  }

  /**
   * Acquires the lock if it is free. Never waits.
   *
   * @returns `null` when the lock is held, by another process or by this thread
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  tryAcquire(): LockGuard | null {
    if (this.#takeIfFree()) return this.#guard(false);
    if (this.#closed) throw closed('lock', this.name);
    if (this.#held) return null;
    const taken = lockTry(this.#native.handle);
    return taken < 0 ? null : this.#guard(taken === 1);
  }

  /**
   * Acquires the lock without blocking this thread: a native thread waits. The calls of one thread get the lock in
   * order. A pending promise keeps the process alive.
   *
   * The promise rejects with the errors of {@link acquire}, and also with:
   *
   * @throws {LockAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` also when the lock is closed during the wait
   */
  async acquireAsync(options?: AcquireAsyncOptions): Promise<LockGuard> {
    const { timeout, signal } = checkWait(options);
    if (signal?.aborted === true) throw aborted(this.name, signal);
    this.#checkUse();
    if (this.#queue.length === 0) {
      const taken = lockTry(this.#native.handle);
      if (taken >= 0) return this.#guard(taken === 1);
    }
    if (timeout === 0) throw timedOut(this.name, timeout);
    return this.#queue.wait(timeout, signal, (recovered) => this.#guard(recovered));
  }

  /**
   * Closes the lock in this process and frees its file descriptor. Pending promises of {@link acquireAsync} reject.
   * Idempotent.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this thread holds the lock, which then stays open
   */
  close(): void {
    if (!this.#closed) this.#end(() => {});
  }

  /**
   * Removes the name of the lock's segment at once, so that no process can attach. Existing attachments keep working.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user is not allowed to
   */
  unlink(): void {
    unlinkLock(this.#native.handle);
  }

  /** Returns a small plain object that names the lock, for {@link attach} in another process or thread. */
  toJSON(): LockHandle {
    return { type: 'Lock', name: this.name };
  }

  toString(): string {
    return `Lock('${this.name}'${this.#closed ? ', closed' : this.#held ? ', held' : ''})`;
  }

  /** What `console.log` and `util.inspect` print. */
  [inspect.custom](): string {
    return this.toString();
  }

  /**
   * Closes the lock. The owner also unlinks it, without an error if that was done before.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this thread holds the lock; then nothing is closed or unlinked
   */
  [dispose](): void {
    this.#end(() => disposeLock(this.#native.handle));
  }

  /** Closes, after `finish`, which can fail. */
  #end(finish: () => void): void {
    if (this.#held) throw heldHere(this.name, 'release it before closing it');
    const { handle, identity } = this.#native;
    this.#closed = true;
    this.#word = GONE;
    this.#queue.close(() => closed('lock', this.name));
    try {
      finish();
    } finally {
      siblings.get(identity)?.delete(this.#self);
      if (siblings.get(identity)?.size === 0) siblings.delete(identity);
      closeLock(handle, this.#buffer);
    }
  }

  /** The fast path: one compare-and-swap. */
  #takeIfFree(): boolean {
    if (Atomics.compareExchange(this.#word, 0, 0, this.#seat) !== 0) return false;
    if (this.#losses === losses[0]) return true;
    // A segment of this process was truncated. If it is this one, only private zeros were locked.
    lockRelease(this.#native.handle);
    this.#losses = losses[0];
    return false;
  }

  #guard(recovered: boolean): LockGuard {
    this.#held = true;
    return makeGuard(this.#releasable, recovered);
  }

  #release(): void {
    this.#held = false;
    if (Atomics.compareExchange(this.#word, 0, this.#seat, 0) !== this.#seat) {
      lockRelease(this.#native.handle);
    }
  }

  /** Throws unless this thread may wait for the lock. */
  #checkUse(): void {
    if (this.#closed) throw closed('lock', this.name);
    for (const sibling of siblings.get(this.#native.identity) ?? []) {
      const lock = sibling.deref();
      if (lock !== undefined && lock.#held) throw heldHere(this.name, 'a lock is not re-entrant');
    }
  }
}
