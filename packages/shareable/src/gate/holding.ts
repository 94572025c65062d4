/** Acquiring permits and locks, which are given back by a guard. */
import type { LockGuard } from '../lock/guard.js';
import { makeGuard } from '../lock/guard.js';
import { gateGive } from '../native/binding.js';
import { lockErrors } from './errors.js';
import { FastPath } from './fast.js';
import type { Gate } from './gate.js';
import { WRITE } from './gate.js';
import type { Tally } from './tally.js';
import { tallyOf } from './tally.js';
import type { Timeout, Wait } from './wait.js';
import { checkTimeout, checkWait } from './wait.js';

/** Acquires and gives back one kind of thing: permits, read locks or the write lock. */
export class Holding {
  /** What this thread holds, by whichever instance. */
  readonly #tally: Tally;
  readonly #gate: Gate;
  readonly #wanted: number;
  readonly #what: string;
  readonly #fast: FastPath;
  /** Checks, before a blocking wait, that what is held here does not keep it from ending. */
  readonly #check: (held: Tally) => void;

  constructor(gate: Gate, wanted: number, what: string, check: (held: Tally) => void) {
    this.#gate = gate;
    this.#wanted = wanted;
    this.#what = what;
    this.#fast = new FastPath(gate);
    this.#tally = tallyOf(gate.words);
    this.#check = check;
  }

  acquire(options: Timeout | undefined): LockGuard {
    if (options === undefined && this.#takeFast()) return this.#guard(false);
    const timeout = checkTimeout(options);
    this.#gate.check();
    if (this.#takeFast()) return this.#guard(false);
    // With a time-out, the wait for another instance of this thread ends.
    this.#check(timeout === Infinity ? this.#tally : this.#gate.held);
    const errors = lockErrors(this.#gate, this.#what, timeout);
    const recovered = this.#gate.wait(this.#wanted, 0, timeout, errors);
    if (recovered === undefined) throw errors.timedOut();
    return this.#guard(recovered);
  }

  tryAcquire(): LockGuard | null {
    const gate = this.#gate;
    // Tasks of this instance that wait go first.
    if (gate.queue.length === 0 && this.#takeFast()) return this.#guard(false);
    gate.check();
    if (gate.queue.length > 0) return null;
    const recovered = gate.take(this.#wanted, 0);
    return recovered === undefined ? null : this.#guard(recovered);
  }

  async acquireAsync(options: Wait | undefined): Promise<LockGuard> {
    const wait = checkWait(options);
    const errors = lockErrors(this.#gate, this.#what, wait.timeout);
    if (wait.signal?.aborted === true) throw errors.aborted(wait.signal);
    const guard = this.tryAcquire();
    if (guard !== null) return guard;
    if (wait.timeout === 0) throw errors.timedOut();
    return this.#guard(await this.#gate.waitAsync(this.#wanted, 0, wait, errors));
  }

  #takeFast(): boolean {
    return this.#wanted === WRITE ? this.#fast.takeWrite() : this.#fast.take();
  }

  #guard(recovered: boolean): LockGuard {
    this.#count(1);
    if (recovered) this.#gate.announceRecovery();
    return makeGuard({ release: () => this.#release() }, recovered);
  }

  #count(change: 1 | -1): void {
    const { held } = this.#gate;
    if (this.#wanted === WRITE) {
      held.written += change;
      this.#tally.written += change;
    } else {
      held.shared += change;
      this.#tally.shared += change;
    }
  }

  #release(): void {
    this.#count(-1);
    const isDone = this.#wanted === WRITE ? this.#fast.giveWrite() : this.#fast.give();
    if (!isDone) this.#giveSlowly();
    this.#gate.queue.wake();
  }

  #giveSlowly(): void {
    try {
      gateGive(this.#gate.native.handle, this.#wanted);
    } catch {
      // The segment was truncated, or a process that is stopped keeps it: release() never throws. What is held then
      // comes back when this instance is closed.
    }
  }
}
