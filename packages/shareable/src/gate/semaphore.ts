import { inspect } from 'node:util';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import type { LockGuard } from '../lock/guard.js';
import { gateLayout } from '../native/binding.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkInteger, checkName, checkNamelessOptions } from '../options.js';
import { heldBySelf } from './errors.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import { Gate, PERMIT } from './gate.js';
import { Holding } from './holding.js';
import type { Timeout, Wait } from './wait.js';

/** What {@link Semaphore.toJSON} gives and {@link Semaphore.attach} takes back. */
export type SemaphoreHandle = Handle<'Semaphore'>;

const MAX_PERMITS = 2 ** 31 - 1;

function checkPermits(permits: unknown): number {
  return checkInteger('permits', permits, 1, MAX_PERMITS);
}

/**
 * Lets a limited number of holders in at once, across processes and threads: CPython's `BoundedSemaphore`, which gives
 * back the permits of a process that dies.
 *
 * Each permit is a guard. The permits of a holder that dies in whichever way go to the next ones, each of which finds
 * {@link LockGuard.recovered} set. A holder that is stopped keeps its permits.
 *
 * @example
 * ```ts
 * using connections = Semaphore.create(10);
 * child.send(connections.toJSON()); // there: Semaphore.attach(handle)
 * {
 *   using permit = await connections.acquireAsync({ timeout: 1000 });
 *   await query();
 * }
 * ```
 */
export class Semaphore implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of it a handle: `worker.postMessage(semaphore)` sends one. */
  readonly type = 'Semaphore';
  /** The name of its segment. */
  readonly name: string;
  /** How many can hold a permit at once. */
  readonly permits: number;

  readonly #gate: Gate;
  readonly #holding: Holding;

  private constructor(key: typeof internal, gate: Gate) {
    checkInternal(key, 'Semaphore.create() or Semaphore.attach()');
    this.name = gate.name;
    this.permits = gate.native.limit;
    this.#gate = gate;
    this.#holding = new Holding(gate, PERMIT, 'no free permit', ({ shared }) => {
      if (shared >= this.permits) throw heldBySelf(gate, 'it has all permits, so the wait would never end');
    });
    Object.preventExtensions(this);
  }

  static #over(gate: Gate): Semaphore {
    return Gate.over(gate, () => new Semaphore(internal, gate));
  }

  /**
   * Creates a semaphore with all its permits free, in a small segment of its own.
   *
   * @param permits 1 to 2^31 - 1
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each semaphore uses one
   */
  static create(permits: number, options?: CreateOptions): Semaphore {
    const checked = checkPermits(permits);
    return Semaphore.#over(Gate.create('Semaphore', checkCreateOptions(options, Semaphore.create), checked));
  }

  /**
   * Opens an existing semaphore by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a semaphore
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach(target: string | SemaphoreHandle, options?: PrimitiveAttachOptions): Semaphore {
    return Semaphore.#over(Gate.attach('Semaphore', target, options));
  }

  /**
   * Opens the semaphore called `name`, or creates it, without a race between the two. An existing one keeps its number of
   * permits.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, permits: number, options?: Omit<CreateOptions, 'name'>): Semaphore {
    const checked = checkNamelessOptions(options, Semaphore.createOrAttach);
    const gate = Gate.create('Semaphore', checked, checkPermits(permits), checkName(name));
    return Semaphore.#over(gate);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /** How many permits are free now. Those of a process that has died count as held until another process looks. */
  get free(): number {
    return Math.max(this.permits - this.#gate.word(gateLayout.taken), 0);
  }

  /**
   * Acquires a permit. Blocks this thread, with its event loop, until one is free. In a worker, `terminate()` ends the
   * wait within 50 ms.
   *
   * @throws {LockTimeoutError} `ETIMEDOUT` when none was free within the time-out
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds all permits; without a time-out, also when
   *   this thread does by several instances; `ERR_SHM_TRUNCATED` when another process has truncated the segment; `ERR_SHM_SYSTEM` when a process that is stopped keeps it for seconds
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a time-out that is negative or not finite
   */
  acquire(options?: Timeout): LockGuard {
    return this.#holding.acquire(options);
  }

  /**
   * Acquires a permit if one is free, or if a holder is dead. Never waits for a permit.
   *
   * @returns `null` when none is free, or when others have waited for more than a millisecond
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  tryAcquire(): LockGuard | null {
    return this.#holding.tryAcquire();
  }

  /**
   * Acquires a permit without blocking the event loop. The tasks of one instance get theirs in the order in which they
   * asked. The process stays alive while any task waits.
   *
   * What `acquire` throws, the promise rejects with, apart from `ERR_SHM_LOCK_HELD`; also:
   *
   * @throws {LockAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   */
  async acquireAsync(options?: Wait): Promise<LockGuard> {
    return this.#holding.acquireAsync(options);
  }

  /**
   * Closes the semaphore in this process. Pending promises reject. Idempotent.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds a permit; it stays open then
   */
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

  /** Returns a small plain object that names the semaphore, for {@link attach} in another process or thread. */
  toJSON(): SemaphoreHandle {
    return { type: 'Semaphore', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => `, ${this.free} of ${this.permits} free`);
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
   * Closes. The owner also unlinks, without an error if that was done before.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds a permit; nothing is closed or unlinked then
   */
  [dispose](): void {
    this.#gate.dispose();
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }
}
