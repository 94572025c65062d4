import { inspect } from 'node:util';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { gateSet } from '../native/binding.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkName, checkNamelessOptions } from '../options.js';
import { waitErrors } from './errors.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import { CHANGE, Gate } from './gate.js';
import type { Timeout, Wait } from './wait.js';
import { checkTimeout, checkWait } from './wait.js';

/** What {@link SharedEvent.toJSON} gives and {@link SharedEvent.attach} takes back. */
export type SharedEventHandle = Handle<'SharedEvent'>;

/**
 * A flag that processes and threads wait for: CPython's `Event`.
 *
 * No process owns it: the death of a process changes nothing, and wakes nobody. All that wait when {@link set} is called go
 * on, even if {@link clear} follows at once.
 *
 * @example
 * ```ts
 * using ready = SharedEvent.create();
 * child.send(ready.toJSON()); // there: SharedEvent.attach(handle).set()
 * await ready.waitAsync({ timeout: 5000 });
 * ```
 */
export class SharedEvent implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of it a handle: `worker.postMessage(event)` sends one. */
  readonly type = 'SharedEvent';
  /** The name of its segment. */
  readonly name: string;

  readonly #gate: Gate;

  private constructor(key: typeof internal, gate: Gate) {
    checkInternal(key, 'SharedEvent.create() or SharedEvent.attach()');
    this.name = gate.name;
    this.#gate = gate;
    Object.preventExtensions(this);
  }

  static #over(gate: Gate): SharedEvent {
    return Gate.over(gate, () => new SharedEvent(internal, gate));
  }

  /**
   * Creates an event that is not set, in a small segment of its own.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a mode out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each event uses one
   */
  static create(options?: CreateOptions): SharedEvent {
    return SharedEvent.#over(Gate.create('SharedEvent', checkCreateOptions(options, SharedEvent.create), 0));
  }

  /**
   * Opens an existing event by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold an event
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach(target: string | SharedEventHandle, options?: PrimitiveAttachOptions): SharedEvent {
    return SharedEvent.#over(Gate.attach('SharedEvent', target, options));
  }

  /**
   * Opens the event called `name`, or creates it, without a race between the two.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, options?: Omit<CreateOptions, 'name'>): SharedEvent {
    const checked = checkNamelessOptions(options, SharedEvent.createOrAttach);
    return SharedEvent.#over(Gate.create('SharedEvent', checked, 0, checkName(name)));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /** Whether it is set now; false after close. */
  get isSet(): boolean {
    return this.#gate.phase % 2 === 1;
  }

  /**
   * Sets the event, and wakes all that wait for it. What this thread wrote before is visible to them. Does nothing when it
   * is set.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  set(): void {
    gateSet(this.#gate.native.handle, true);
    this.#gate.queue.wake();
  }

  /**
   * Clears the event: those that come from now on wait.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  clear(): void {
    gateSet(this.#gate.native.handle, false);
  }

  /**
   * Waits until the event is set. Blocks this thread, with its event loop. In a worker, `terminate()` ends the wait within
   * 50 ms.
   *
   * @returns whether it was set within the time-out
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a time-out that is negative or not finite
   */
  wait(options?: Timeout): boolean {
    const timeout = checkTimeout(options);
    this.#gate.check();
    const { phase } = this.#gate;
    if (phase % 2 === 1) return true;
    const errors = waitErrors(this.#gate, 'was not set', timeout);
    return timeout > 0 && this.#gate.wait(CHANGE, phase, timeout, errors) !== undefined;
  }

  /**
   * Waits until the event is set, without blocking the event loop. The process stays alive while any task waits.
   *
   * @throws {WaitTimeoutError} `ETIMEDOUT` when it was not set within the time-out
   * @throws {WaitAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` also when it is closed during the wait
   */
  async waitAsync(options?: Wait): Promise<void> {
    const wait = checkWait(options);
    const errors = waitErrors(this.#gate, 'was not set', wait.timeout);
    if (wait.signal?.aborted === true) throw errors.aborted(wait.signal);
    this.#gate.check();
    const { phase } = this.#gate;
    if (phase % 2 === 1) return;
    if (wait.timeout === 0) throw errors.timedOut();
    await this.#gate.waitAsync(CHANGE, phase, wait, errors);
  }

  /** Closes the event in this process. Pending promises reject. Idempotent. */
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

  /** Returns a small plain object that names the event, for {@link attach} in another process or thread. */
  toJSON(): SharedEventHandle {
    return { type: 'SharedEvent', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => (this.isSet ? ', set' : ', not set'));
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
}
