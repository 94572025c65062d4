import { inspect } from 'node:util';

import type { NativeLock } from '../native/binding.js';
import {
  attachLock,
  closeLock,
  createLock,
  disposeLock,
  lockFacts,
  createOrAttachLock,
  lockAcquire,
  lockBuffer,
  lockRelease,
  lockTry,
  losses,
  unlinkLock,
} from '../native/binding.js';
import { checkInternal, internal, takeBack } from '../construct.js';
import {
  LOCK_WAIT,
  announceAttachment,
  announceClose,
  announceCreation,
  announceDisposal,
  announceOpening,
  announceUnlink,
  isWatched,
  lockRecovered,
  watch,
  watchAsync,
} from '../diagnostics/channels.js';
import { dispose } from '../dispose.js';
import { closed, invalidType } from '../errors.js';
import { aborted, heldHere, timedOut } from './errors.js';
import type { LockGuard, Releasable } from './guard.js';
import { makeGuard } from './guard.js';
import type { AcquireAsyncOptions, AcquireOptions } from './options.js';
import { checkTimeout, checkWait } from './options.js';
import type { LockQueue, Member } from './queue.js';
import { getEnvironment } from './queue.js';
import { forgetQueue, isHeldHere, queueOf } from './siblings.js';
import type { AttachOptions, CreateOptions, Handle } from '../options.js';
import {
  checkBoolean,
  checkCreateOptions,
  checkName,
  checkNamelessOptions,
  checkOptions,
  checkTarget,
} from '../options.js';

export type { AcquireAsyncOptions, AcquireOptions } from './options.js';

/** How to attach to a lock. A lock cannot be attached read-only. */
export type LockAttachOptions = Pick<AttachOptions, 'allowForeign'>;

/** What {@link Lock.toJSON} gives and {@link Lock.attach} takes back. */
export type LockHandle = Handle<'Lock'>;

/** The word of a closed lock, which is never free. */
const GONE = Int32Array.of(-1);

/**
 * How often the lock is taken without a look at the queue of those who wait: seldom so when there may be some, because one
 * that was woken and is not scheduled can say nothing.
 */
const QUIET = 2 ** 30;
const CONTENDED = 32;

/** What is published about an instance. */
const factsOf = ({ handle }: NativeLock) => lockFacts(handle);

/** Sees to it that tasks do not wait for an instance that was collected while it held the lock. */
const collected = new FinalizationRegistry<LockQueue>((queue) => queue.advance());

/**
 * Provides mutual exclusion between processes, and between the threads of a process.
 *
 * The holder of the lock sees everything that earlier holders wrote, in any segment. A holder that dies without
 * releasing, in whichever way, frees it: the next one finds {@link LockGuard.recovered} set. A holder that is stopped
 * keeps it. On macOS and Windows see `docs/lock.md`.
 *
 * Not re-entrant: in a thread that holds it `acquire` throws, through another instance too; `acquireAsync` waits its turn.
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
  readonly #self: Member & { word: Int32Array; isHeld: boolean };
  readonly #reference: WeakRef<Member>;
  readonly #releasable: Releasable;
  #word: Int32Array;
  #closed = false;
  /** Whether {@link unlink} has removed the name. */
  #isUnlinked = false;
  /** How often the lock may still be taken without a look at the queue. */
  #credit = QUIET;
  /** The state of the counter of truncated segments at which this one was last known to be whole. */
  #losses = losses[0];

  private constructor(key: typeof internal, native: NativeLock) {
    checkInternal(key, 'Lock.create() or Lock.attach(name)');
    this.name = native.name;
    this.#native = native;
    this.#seat = native.seat;
    this.#buffer = lockBuffer(native.handle);
    this.#word = new Int32Array(this.#buffer).subarray(native.word, native.word + 1);
    this.#releasable = {
      release: () => this.#release(),
      acquire: () => this.acquire().recovered,
      acquireAsync: async () => (await this.acquireAsync()).recovered,
    };
    this.#self = { native, word: this.#word, isHeld: false };
    this.#reference = new WeakRef(this.#self);
    this.#queue = queueOf(native.identity);
    this.#queue.add(this.#reference);
    collected.register(this, this.#queue, this.#self);
    Object.preventExtensions(this);
  }

  static #open(native: NativeLock): Lock {
    try {
      return new Lock(internal, native);
    } catch (error) {
      const { handle } = native;
      if (lockFacts(handle).isNew) takeBack(() => unlinkLock(handle));
      takeBack(() => disposeLock(handle));
      throw error;
    }
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
    const created = createLock(getEnvironment(), checkCreateOptions(options, Lock.create));
    return Lock.#open(announceCreation('Lock', created, factsOf));
  }

  /**
   * Opens an existing lock by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a lock
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each lock uses one
   */
  static attach(target: string | LockHandle, options?: LockAttachOptions): Lock {
    const name = checkTarget(target, 'Lock');
    const attached = attachLock(getEnvironment(), name, checkForeign(options));
    return Lock.#open(announceAttachment('Lock', attached, factsOf));
  }

  /**
   * Opens the lock called `name`, or creates it, without a race between the two.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, options?: Omit<CreateOptions, 'name'>): Lock {
    const checked = checkNamelessOptions(options, Lock.createOrAttach);
    const opened = createOrAttachLock(getEnvironment(), checkName(name), checked);
    return Lock.#open(announceOpening('Lock', opened, factsOf));
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
    if (this.#closed) throw closed('lock', this.name);
    if (isHeldHere(this.#native.identity)) throw heldHere(this.name, 'a lock is not re-entrant');
    return this.#nativeGuard(isWatched(LOCK_WAIT) ? this.#blockWatched(timeout) : this.#block(timeout));
  }

  /** Blocks until the lock is acquired. Returns what the addon does. */
  #block(timeout: number): number {
    const taken = lockAcquire(this.#native.handle, timeout);
    if (taken < 0) throw timedOut(this.name, timeout);
    return taken;
  }

  /** As {@link #block}, and publishes the wait, if there is one. */
  #blockWatched(timeout: number): number {
    const taken = lockTry(this.#native.handle);
    if (taken >= 0) return taken;
    return watch(LOCK_WAIT, { name: this.name, isAsync: false, timeout }, () => this.#block(timeout));
  }

  /**
   * Acquires the lock if it is free, or if its holder is dead. Never waits.
   *
   * @returns `null` when another process or thread holds the lock, when this thread holds it, or when another has waited
   *   for it for more than a millisecond
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  tryAcquire(): LockGuard | null {
    if (this.#takeIfFree()) return this.#guard(false);
    if (this.#closed) throw closed('lock', this.name);
    if (this.#self.isHeld) return null;
    const taken = lockTry(this.#native.handle);
    return taken < 0 ? null : this.#nativeGuard(taken);
  }

  /**
   * Acquires the lock without blocking the event loop. The tasks of one thread get the lock in the order in which they asked,
   * also while another task of the thread holds it. The process stays alive while any task waits.
   *
   * A task that holds the lock and asks for it again waits for itself: set a time-out where that could happen.
   *
   * What `acquire` throws, the promise rejects with, apart from `ERR_SHM_LOCK_HELD`; also:
   *
   * @throws {LockAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` also when the lock is closed during the wait
   */
  async acquireAsync(options?: AcquireAsyncOptions): Promise<LockGuard> {
    const { timeout, signal } = checkWait(options);
    if (signal?.aborted === true) throw aborted(this.name, signal);
    if (this.#closed) throw closed('lock', this.name);
    if (this.#queue.length === 0 && !this.#queue.isHeld) {
      const taken = lockTry(this.#native.handle);
      if (taken >= 0) return this.#nativeGuard(taken);
    }
    if (timeout === 0) throw timedOut(this.name, timeout);
    const wait = () => this.#queue.wait(this.#self, timeout, signal, (recovered) => this.#acquired(recovered));
    return isWatched(LOCK_WAIT) ? watchAsync(LOCK_WAIT, { name: this.name, isAsync: true, timeout }, wait) : wait();
  }

  /**
   * Acquires the lock as {@link acquireAsync} does, calls `fn`, and releases the lock when what `fn` returns is settled.
   *
   * @param fn gets the guard; what it returns or throws is what `run` resolves or rejects with
   * @throws what {@link acquireAsync} throws; `fn` is not called then
   *
   * @example
   * ```ts
   * const total = await lock.run(async ({ recovered }) => {
   *   if (recovered) await repair(list);
   *   return list.add(0, 1);
   * }, { timeout: 1000 });
   * ```
   */
  async run<Result>(fn: (guard: LockGuard) => Result, options?: AcquireAsyncOptions): Promise<Awaited<Result>> {
    if (typeof fn !== 'function') {
      throw invalidType('ERR_INVALID_ARG_TYPE', `fn must be a function, not ${inspect(fn, { depth: 0 })}`);
    }
    const guard = await this.acquireAsync(options);
    try {
      return await fn(guard);
    } finally {
      guard.release();
    }
  }

  /**
   * Closes the lock in this process and frees its file descriptor. Pending promises of {@link acquireAsync} reject.
   * Idempotent.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds the lock; it stays open then
   */
  close(): void {
    if (!this.#closed) this.#end(() => {});
  }

  /**
   * Removes the name of the lock's segment at once: no process can attach any more. Existing attachments keep working.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user is not allowed to
   */
  unlink(): void {
    unlinkLock(this.#native.handle);
    this.#isUnlinked = true;
    announceUnlink('Lock', this.name);
  }

  /** Returns a small plain object that names the lock, for {@link attach} in another process or thread. */
  toJSON(): LockHandle {
    return { type: 'Lock', name: this.name };
  }

  toString(): string {
    return `Lock('${this.name}'${this.#closed ? ', closed' : this.#self.isHeld ? ', held' : ''})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /**
   * Closes the lock. The owner also unlinks it, without an error if that was done before.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds the lock; nothing is closed or unlinked then
   */
  [dispose](): void {
    this.#end(() => disposeLock(this.#native.handle));
    this.#isUnlinked = announceDisposal('Lock', this.#native, this.#isUnlinked, factsOf);
  }

  /** Closes, after `finish`, which can fail. */
  #end(finish: () => void): void {
    if (this.#self.isHeld) throw heldHere(this.name, 'release it before closing it');
    const { handle, identity } = this.#native;
    if (!this.#closed) {
      announceClose('Lock', this.name);
      this.#closed = true;
      this.#word = this.#self.word = GONE;
      collected.unregister(this.#self);
      if (this.#queue.remove(this.#reference, () => closed('lock', this.name))) forgetQueue(identity);
    }
    try {
      finish();
    } finally {
      closeLock(handle, this.#buffer);
    }
  }

  /** The fast path: one compare-and-swap. */
  #takeIfFree(): boolean {
    if (--this.#credit < 0 || Atomics.compareExchange(this.#word, 0, 0, this.#seat) !== 0) return false;
    if (this.#losses === losses[0]) return true;
    // A segment of this process was truncated. If it is this one, only private zeros were locked.
    lockRelease(this.#native.handle);
    this.#losses = losses[0];
    return false;
  }

  #guard(recovered: boolean): LockGuard {
    this.#self.isHeld = true;
    return makeGuard(this.#releasable, recovered);
  }

  /** As {@link #guard}, and publishes that the last holder died. */
  #acquired(recovered: boolean): LockGuard {
    if (recovered && lockRecovered.hasSubscribers) lockRecovered.publish({ name: this.name });
    return this.#guard(recovered);
  }

  /** The guard for what a native call has taken, after a look at the queue. */
  #nativeGuard(taken: number): LockGuard {
    this.#credit = this.#word[0] === this.#seat ? QUIET : CONTENDED;
    return this.#acquired(taken === 1);
  }

  #release(): void {
    this.#self.isHeld = false;
    const queue = this.#queue;
    if (queue.length > 0 && queue.handOver(this.#self)) return;
    if (Atomics.compareExchange(this.#word, 0, this.#seat, 0) !== this.#seat) {
      lockRelease(this.#native.handle);
      this.#credit = CONTENDED;
    }
    if (queue.length > 0) queue.advance();
  }
}

function checkForeign(options: LockAttachOptions | undefined): boolean {
  return checkBoolean('option allowForeign', checkOptions(options, ['allowForeign']).allowForeign, false);
}
