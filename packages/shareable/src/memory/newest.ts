/**
 * Frees segments whose objects are collected without having been closed. Most instances are closed in the scope that made
 * them, so an instance gets its finalizer, which costs as much as the system calls of an attach, only when it is still
 * open after the running code, or after {@link CROWD} more.
 */
import { dropSegment } from '../native/segments.js';

/** The most instances that wait for their finalizer. */
const CROWD = 64;

/** Forgets the segment with this number, if it is still open. */
const finalizers = new FinalizationRegistry<number>(dropSegment);

/** The newest instances, which have no finalizer yet. */
export class Newest<Instance extends WeakKey> {
  readonly #waiting: Instance[] = [];
  readonly #handleOf: (instance: Instance) => number;
  readonly #settle = (): void => {
    this.#isScheduled = false;
    this.#watch();
  };
  #isScheduled = false;

  /** @param handleOf returns the number of an instance's segment, or 0 when it has none any more */
  constructor(handleOf: (instance: Instance) => number) {
    this.#handleOf = handleOf;
  }

  add(instance: Instance): void {
    if (this.#waiting.push(instance) >= CROWD) this.#watch();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void Promise.resolve().then(this.#settle);
  }

  /** Takes an instance out that was closed. */
  remove(instance: Instance): void {
    // The usual case. Others are left out when the rest get their finalizers.
    if (this.#waiting.at(-1) === instance) this.#waiting.pop();
  }

  #watch(): void {
    for (const instance of this.#waiting) {
      const handle = this.#handleOf(instance);
      if (handle !== 0) finalizers.register(instance, handle);
    }
    this.#waiting.length = 0;
  }
}
