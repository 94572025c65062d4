import { inspect } from 'node:util';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { gateArrive, gateLayout, gateMend, gateOutcome, gateShatter } from '../native/binding.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkInteger, checkName, checkNamelessOptions } from '../options.js';
import { broken, waitErrors } from './errors.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import type { WaitErrors } from './gate.js';
import { CHANGE, Gate } from './gate.js';
import type { Timeout, Wait } from './wait.js';
import { checkTimeout, checkWait } from './wait.js';

/** What {@link Barrier.toJSON} gives and {@link Barrier.attach} takes back. */
export type BarrierHandle = Handle<'Barrier'>;

/** What the core says about a phase in which all parties have arrived. */
const PASSED = 1;

const MAX_PARTIES = 2 ** 31 - 1;

function checkParties(parties: unknown): number {
  return checkInteger('parties', parties, 1, MAX_PARTIES);
}

/**
 * Lets a fixed number of parties wait for each other, in processes and threads, as often as they like: CPython's `Barrier`.
 *
 * It breaks when a process that is attached dies, when a party gives up by its time-out or signal, and by {@link abort}:
 * then all that wait, and all that come later, throw {@link BrokenBarrierError}, until {@link reset}. So no party waits for
 * one that will never come. A party that is stopped does not break it.
 *
 * @example
 * ```ts
 * using barrier = Barrier.create(4);
 * for (const child of children) child.send(barrier.toJSON()); // there: Barrier.attach(handle)
 * for (const step of steps) {
 *   compute(step);
 *   if ((await barrier.waitAsync()) === 0) report(step); // one of the four
 * }
 * ```
 */
export class Barrier implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of it a handle: `worker.postMessage(barrier)` sends one. */
  readonly type = 'Barrier';
  /** The name of its segment. */
  readonly name: string;
  /** How many must arrive. */
  readonly parties: number;

  readonly #gate: Gate;

  private constructor(key: typeof internal, gate: Gate) {
    checkInternal(key, 'Barrier.create() or Barrier.attach()');
    this.name = gate.name;
    this.parties = gate.native.limit;
    this.#gate = gate;
    Object.preventExtensions(this);
  }

  static #over(gate: Gate): Barrier {
    return Gate.over(gate, () => new Barrier(internal, gate));
  }

  /**
   * Creates a barrier in a small segment of its own.
   *
   * @param parties 1 to 2^31 - 1
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each barrier uses one
   */
  static create(parties: number, options?: CreateOptions): Barrier {
    const checked = checkParties(parties);
    return Barrier.#over(Gate.create('Barrier', checkCreateOptions(options, Barrier.create), checked));
  }

  /**
   * Opens an existing barrier by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a barrier
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach(target: string | BarrierHandle, options?: PrimitiveAttachOptions): Barrier {
    return Barrier.#over(Gate.attach('Barrier', target, options));
  }

  /**
   * Opens the barrier called `name`, or creates it, without a race between the two. An existing one keeps its number of
   * parties.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, parties: number, options?: Omit<CreateOptions, 'name'>): Barrier {
    const checked = checkNamelessOptions(options, Barrier.createOrAttach);
    return Barrier.#over(Gate.create('Barrier', checked, checkParties(parties), checkName(name)));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /** How many have arrived and wait now. */
  get waiting(): number {
    return this.#gate.word(gateLayout.taken);
  }

  /** Whether it is broken. The death of a process shows here when another party waits, or comes to wait. */
  get broken(): boolean {
    return this.#gate.word(gateLayout.broken) !== 0;
  }

  /**
   * Arrives, and waits until all parties have. Blocks this thread, with its event loop. In a worker, `terminate()` ends the
   * wait within 50 ms, and breaks the barrier.
   *
   * @returns how many arrived before this one in the phase: 0 to `parties - 1`, a different number for each
   * @throws {BrokenBarrierError} `ERR_SHM_BARRIER_BROKEN` when it is broken, or breaks during the wait
   * @throws {WaitTimeoutError} `ETIMEDOUT` when not all arrived within the time-out, which breaks the barrier
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a time-out that is negative or not finite
   */
  wait(options?: Timeout): number {
    const timeout = checkTimeout(options);
    const errors = this.#errors(timeout);
    const { index, phase } = this.#arrive();
    if (this.#gate.wait(CHANGE, phase, timeout, errors) === undefined) {
      this.#giveUp(phase);
      if (!this.#hasPassed(phase)) throw errors.timedOut();
    }
    return this.#finish(index, phase);
  }

  /**
   * As {@link wait}, without blocking the event loop. Each call counts as a party of its own, also within one instance. The
   * process stays alive while any task waits.
   *
   * What {@link wait} throws, the promise rejects with; also:
   *
   * @throws {WaitAbortedError} `ABORT_ERR` when the signal is aborted, which breaks the barrier; its reason is the `cause`
   */
  async waitAsync(options?: Wait): Promise<number> {
    const wait = checkWait(options);
    const errors = this.#errors(wait.timeout);
    if (wait.signal?.aborted === true) throw errors.aborted(wait.signal);
    const { index, phase } = this.#arrive();
    try {
      await this.#gate.waitAsync(CHANGE, phase, wait, errors);
    } catch (error) {
      if (!this.#gate.isClosed) {
        this.#giveUp(phase);
        if (this.#hasPassed(phase)) return index;
      }
      throw error;
    }
    return this.#finish(index, phase);
  }

  /**
   * Breaks the barrier: all that wait throw, and all that come later, until {@link reset}.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  abort(): void {
    gateShatter(this.#gate.native.handle, undefined);
    this.#gate.queue.wake();
  }

  /**
   * Makes the barrier usable again, with no party arrived. All that wait throw {@link BrokenBarrierError}.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  reset(): void {
    gateMend(this.#gate.native.handle);
    this.#gate.queue.wake();
  }

  /** Closes the barrier in this process. Pending promises reject, which breaks it for the others. Idempotent. */
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

  /** Returns a small plain object that names the barrier, for {@link attach} in another process or thread. */
  toJSON(): BarrierHandle {
    return { type: 'Barrier', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => (this.broken ? ', broken' : `, ${this.waiting} of ${this.parties} wait`));
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

  #arrive(): { index: number; phase: number } {
    // Tasks learn how their phase ended before this instance arrives in the next one.
    this.#gate.queue.wake();
    const arrival = gateArrive(this.#gate.native.handle);
    if (arrival == null) throw broken(this.name);
    const [index = 0, phase = 0] = arrival;
    // The last one has let the others go: those of this instance too.
    if (index === this.parties - 1) this.#gate.queue.wake();
    return { index, phase };
  }

  #errors(timeout: number): WaitErrors {
    return waitErrors(this.#gate, `was not reached by all ${this.parties} parties`, timeout);
  }

  #giveUp(phase: number): void {
    gateShatter(this.#gate.native.handle, phase);
    this.#gate.queue.wake();
  }

  #hasPassed(phase: number): boolean {
    return gateOutcome(this.#gate.native.handle, phase) === PASSED;
  }

  #finish(index: number, phase: number): number {
    if (this.#hasPassed(phase)) return index;
    throw broken(this.name);
  }
}
