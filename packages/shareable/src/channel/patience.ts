/**
 * How long an asynchronous wait looks once a turn of the event loop, before it waits for the bell. Looking finds at once what
 * comes soon. When nothing comes soon, it takes the processor from the process that is awaited.
 */

/** The longest time to look, and the shortest, in milliseconds. */
const LONGEST = 0.1;
const SHORTEST = 0.002;
/** A wait up to this long may have been that long because of the bell, whose way through two processes takes as long. */
const SOON = 0.2;

/** What one waiter has learned. */
export class Patience {
  #left = LONGEST;

  /** Whether to look once more, after a wait of that many milliseconds. */
  isLeft(waited: number): boolean {
    return waited < this.#left;
  }

  /** Learns from a wait of that many milliseconds: twice as long from now on if looking was enough, or may have been. */
  learn(waited: number): void {
    this.#left = waited < SOON ? Math.min(2 * this.#left, LONGEST) : Math.max(this.#left / 2, SHORTEST);
  }
}
