/**
 * Takes and gives back permits and locks without a native call, where no other participant waits and none has died. The
 * guard is taken and left by a compare-and-swap, as in `lock.ts`; everything under it is what `algorithm.rs` does then.
 */
import { gateLayout, gateLeave } from '../native/binding.js';
import type { Gate } from './gate.js';

const { guard, taken, writer, died, waiting, held, entry, writes } = gateLayout;

/** The fast path of one instance. */
export class FastPath {
  readonly #gate: Gate;
  readonly #words: Int32Array;
  readonly #seat: number;
  readonly #held: number;
  readonly #limit: number;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#words = gate.words;
    this.#seat = gate.native.seat;
    this.#held = held + entry * gate.native.seat;
    this.#limit = gate.native.limit;
  }

  /** Takes a permit or a read lock; `false` when that needs the native call. */
  take(): boolean {
    const words = this.#words;
    if (!this.#enter()) return false;
    const may =
      words[waiting] === 0 && words[died] === 0 && words[writer] === 0 && (words[taken] as number) >>> 0 < this.#limit;
    if (may) {
      (words[this.#held] as number)++;
      (words[taken] as number)++;
    }
    this.#leave();
    return may;
  }

  /** Gives it back. */
  give(): boolean {
    const words = this.#words;
    if (!this.#enter()) return false;
    const may = words[waiting] === 0 && (words[this.#held] as number) > 0 && (words[taken] as number) > 0;
    if (may) {
      (words[this.#held] as number)--;
      (words[taken] as number)--;
    }
    this.#leave();
    return may;
  }

  /** Takes the write lock. */
  takeWrite(): boolean {
    const words = this.#words;
    if (!this.#enter()) return false;
    const may =
      words[waiting] === 0 && words[died] === 0 && words[writer] === 0 && words[taken] === 0 && words[this.#held] === 0;
    if (may) {
      words[this.#held] = writes;
      words[writer] = this.#seat;
    }
    this.#leave();
    return may;
  }

  /** Gives it back. */
  giveWrite(): boolean {
    const words = this.#words;
    if (!this.#enter()) return false;
    const may = words[waiting] === 0 && words[this.#held] === writes && words[writer] === this.#seat;
    if (may) {
      words[this.#held] = 0;
      words[writer] = 0;
    }
    this.#leave();
    return may;
  }

  #enter(): boolean {
    if (this.#words[waiting] !== 0 || this.#gate.mayBeTruncated) return false;
    return Atomics.compareExchange(this.#words, guard, 0, this.#seat) === 0;
  }

  #leave(): void {
    if (Atomics.compareExchange(this.#words, guard, this.#seat, 0) === this.#seat) return;
    // Another participant waits for the guard.
    gateLeave(this.#gate.native.handle);
  }
}
