/**
 * How long an asynchronous wait looks once a turn of the event loop, before it waits for the bell. Looking finds at once what
 * comes soon. When nothing comes soon, it takes the processor from the process that is awaited.
 */

/** The longest time to look, and the shortest, in milliseconds. */
const LONGEST = 0.1;
const SHORTEST = 0.002;
/** Every such long wait looks for the longest time, to find out whether the other side answers sooner now. */
const PROBE = 32;

/** What one waiter has learned. */
export class Patience {
  #left = LONGEST;
  #long = 0;

  /** Whether to look at all. */
  get isAny(): boolean {
    return this.#left > SHORTEST;
  }

  /** Whether to look once more, after a wait of that many milliseconds. */
  isLeft(waited: number): boolean {
    return waited < this.#left;
  }

  /** Learns from a wait of that many milliseconds: twice as long from now on if looking was enough, or would have been. */
  learn(waited: number): void {
    if (waited < LONGEST) {
      this.#left = Math.min(2 * this.#left, LONGEST);
      return;
    }
    this.#long = (this.#long + 1) % PROBE;
    this.#left = this.#long === 0 ? LONGEST : Math.max(this.#left / 2, SHORTEST);
  }
}
