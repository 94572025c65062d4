import { clock } from '../native/clock.js';
import { inspect } from 'node:util';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { WaitAbortedError, WaitTimeoutError } from '../errors.js';
import type { LockGuard } from '../lock/guard.js';
import { checkHeld, resume, resumeAsync, suspend } from '../lock/guard.js';
import { gateNotify } from '../native/binding.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkInteger, checkName, checkNamelessOptions, wrongType } from '../options.js';
import { waitErrors } from './errors.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import { CHANGE, Gate } from './gate.js';
import type { Timeout, Wait } from './wait.js';
import { checkTimeout, checkWait } from './wait.js';

/** What {@link Condition.toJSON} gives and {@link Condition.attach} takes back. */
export type ConditionHandle = Handle<'Condition'>;

/** How many can be notified at once. */
const ALL = 2 ** 32 - 1;

/**
 * Lets holders of a {@link Lock} wait until others have changed what it protects: CPython's `Condition`.
 *
 * Nothing counts those that wait, so the death of one leaves nothing behind, and nothing can hang on it. Therefore a wait
 * always has a condition to check: it may be checked without a notification too. A notification that reaches a process that
 * dies then is seen by the others within 20 ms.
 *
 * All participants use one lock with one condition.
 *
 * @example
 * ```ts
 * // one process
 * using guard = lock.acquire();
 * condition.wait(guard, () => list.get(0) > 0);
 * // another one
 * using guard = lock.acquire();
 * list.set(0, 1);
 * condition.notifyAll(guard);
 * ```
 */
export class Condition implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of it a handle: `worker.postMessage(condition)` sends one. */
  readonly type = 'Condition';
  /** The name of its segment. */
  readonly name: string;

  readonly #gate: Gate;

  private constructor(key: typeof internal, gate: Gate) {
    checkInternal(key, 'Condition.create() or Condition.attach()');
    this.name = gate.name;
    this.#gate = gate;
    Object.preventExtensions(this);
  }

  static #over(gate: Gate): Condition {
    return Gate.over(gate, () => new Condition(internal, gate));
  }

  /**
   * Creates a condition in a small segment of its own.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a mode out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each condition uses one
   */
  static create(options?: CreateOptions): Condition {
    return Condition.#over(Gate.create('Condition', checkCreateOptions(options, Condition.create), 0));
  }

  /**
   * Opens an existing condition by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a condition
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach(target: string | ConditionHandle, options?: PrimitiveAttachOptions): Condition {
    return Condition.#over(Gate.attach('Condition', target, options));
  }

  /**
   * Opens the condition called `name`, or creates it, without a race between the two.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, options?: Omit<CreateOptions, 'name'>): Condition {
    const checked = checkNamelessOptions(options, Condition.createOrAttach);
    return Condition.#over(Gate.create('Condition', checked, 0, checkName(name)));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /**
   * Waits until `until` returns true. Releases the guard's lock while it waits, and holds it again whenever it calls
   * `until`, and at its end, however it ends. Then {@link LockGuard.recovered} says whether the last holder died. Blocks
   * this thread, with its event loop.
   *
   * @param guard a guard of a {@link Lock} that was not released
   * @throws {WaitTimeoutError} `ETIMEDOUT` when `until` was still false at the end of the time-out. The lock is acquired
   *   again before, which can take longer
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for a guard that does not hold a lock
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws what `until` throws, and what {@link Lock.acquire} throws when the lock is lost; the guard holds nothing then
   */
  wait(guard: LockGuard, until: () => boolean, options?: Timeout): void {
    const timeout = checkTimeout(options);
    checkUntil(until);
    const errors = waitErrors(this.#gate, 'was not met', timeout);
    const end = clock() + timeout;
    while (!this.#isMet(guard, until)) {
      const left = end - clock();
      if (left <= 0) throw errors.timedOut();
      // Under the lock: every notification after this one changes it.
      const { phase } = this.#gate;
      suspend(guard);
      try {
        this.#gate.wait(CHANGE, phase, left, errors);
      } finally {
        resume(guard);
      }
    }
  }

  /**
   * As {@link wait}, without blocking the event loop. The process stays alive while any task waits.
   *
   * What {@link wait} throws, the promise rejects with; also:
   *
   * @throws {WaitAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`. The guard holds the lock
   */
  async waitAsync(guard: LockGuard, until: () => boolean, options?: Wait): Promise<void> {
    const { timeout, signal } = checkWait(options);
    checkUntil(until);
    const errors = waitErrors(this.#gate, 'was not met', timeout);
    const end = clock() + timeout;
    while (!this.#isMet(guard, until)) {
      if (signal?.aborted === true) throw errors.aborted(signal);
      const left = end - clock();
      if (left <= 0) throw errors.timedOut();
      const { phase } = this.#gate;
      suspend(guard);
      try {
        await this.#gate.waitAsync(CHANGE, phase, { timeout: left, signal }, errors);
      } catch (error) {
        // After a time-out or a signal, `until` is checked once more.
        if (!(error instanceof WaitTimeoutError || error instanceof WaitAbortedError)) throw error;
      } finally {
        await resumeAsync(guard);
      }
    }
  }

  /**
   * Wakes some of those that wait, those that have waited longest first. They check their conditions when they get the lock.
   *
   * @param guard the guard of the lock, which must be held
   * @param count how many to wake: 1 to 2^32 - 1. Default: 1
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for a guard that does not hold a lock
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  notify(guard: LockGuard, count = 1): void {
    const checked = checkInteger('count', count, 1, ALL);
    this.#gate.check();
    checkHeld(guard);
    gateNotify(this.#gate.native.handle, checked);
    this.#gate.queue.wake();
  }

  /**
   * Wakes all that wait.
   *
   * @throws what {@link notify} throws
   */
  notifyAll(guard: LockGuard): void {
    this.notify(guard, ALL);
  }

  /** Closes the condition in this process. Pending promises reject. Idempotent. */
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

  /** Returns a small plain object that names the condition, for {@link attach} in another process or thread. */
  toJSON(): ConditionHandle {
    return { type: 'Condition', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => '');
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

  #isMet(guard: LockGuard, until: () => boolean): boolean {
    this.#gate.check();
    checkHeld(guard);
    return until();
  }
}

function checkUntil(until: unknown): void {
  if (typeof until !== 'function') throw wrongType('until', 'a function', until);
}
