/**
 * Tells a process about messages of others without a thread: a sender changes the times of the segment's file, and this
 * watches the file through its open descriptor. Where that is not possible, callers poll.
 */
import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

/** The bell of one channel. */
export class Doorbell {
  readonly #descriptor: number;
  readonly #onRing: () => void;
  #watcher: FSWatcher | undefined;
  #isBroken: boolean;

  constructor(descriptor: number, onRing: () => void) {
    this.#descriptor = descriptor;
    this.#onRing = onRing;
    this.#isBroken = descriptor < 0 || process.platform !== 'linux';
  }

  /** Listens from now on; `false` where nobody can. */
  listen(): boolean {
    if (this.#watcher !== undefined || this.#isBroken) return !this.#isBroken;
    try {
      this.#watcher = watch(`/proc/self/fd/${this.#descriptor}`, { persistent: false }, this.#onRing);
      this.#watcher.on('error', () => this.#break());
    } catch {
      // Without /proc, or with too many watches of this user: polling works as well.
      this.#isBroken = true;
    }
    return !this.#isBroken;
  }

  close(): void {
    this.#isBroken = true;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #break(): void {
    this.close();
    this.#onRing();
  }
}
