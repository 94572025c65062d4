/**
 * Tells a process about messages of others without a thread: a sender changes the times of the segment's file, and this
 * watches the file through its open descriptor. Where that is not possible, callers poll.
 */
import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

import { hasTurned } from './pace.js';

/** The bell of one channel. */
export class Doorbell {
  readonly #descriptor: number;
  readonly #onRing: () => void;
  #watcher: FSWatcher | undefined;
  #isBroken: boolean;
  #hasRung = false;

  constructor(descriptor: number, onRing: () => void) {
    this.#descriptor = descriptor;
    this.#onRing = () => {
      this.#hasRung = true;
      hasTurned();
      onRing();
    };
    this.#isBroken = descriptor < 0 || process.platform !== 'linux';
  }

  /** Whether others can be heard: the system does not let users change the times of a file that they do not own. */
  get hasRung(): boolean {
    return this.#hasRung && !this.#isBroken;
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
