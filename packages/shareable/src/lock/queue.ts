/**
 * The waits of this thread for a lock, in order. One native thread waits for all locks of this JavaScript thread, and
 * calls back for each lock that it has acquired.
 */
import type { NativeLock } from '../native/binding.js';
import { lockEnvironment, lockTake, lockUnwant, lockWant } from '../native/binding.js';
import { aborted, timedOut } from './errors.js';

/** The longest delay of a timer, in milliseconds. Longer delays use several timers. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The native state of this thread, created with its first lock. */
let environment: ReturnType<typeof lockEnvironment> | undefined;

/** All queues that are not empty, by their numbers. */
const waiting = new Map<number, LockQueue>();
let numbers = 0;

/** Keeps the event loop alive while a queue is not empty, as a file read would. */
let pulse: NodeJS.Timeout | undefined;

/** Returns the native state of this thread. */
export function getEnvironment(): ReturnType<typeof lockEnvironment> {
  return (environment ??= lockEnvironment((id) => waiting.get(id)?.granted()));
}

/** How a wait ends. */
interface Waiting {
  resolve(recovered: boolean): void;
  reject(error: unknown): void;
}

/** The queue for one lock. */
export class LockQueue {
  readonly #name: string;
  readonly #handle: NativeLock['handle'];
  readonly #waiting: Waiting[] = [];
  readonly #id: number;

  constructor(native: NativeLock) {
    this.#name = native.name;
    this.#handle = native.handle;
    numbers = (numbers + 1) >>> 0;
    this.#id = numbers;
  }

  /** The number of waits. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Waits until the lock is acquired for the caller.
   *
   * @param granted takes the lock over; called synchronously, before other code of this thread can acquire it
   */
  async wait<Guard>(
    timeout: number,
    signal: AbortSignal | undefined,
    granted: (recovered: boolean) => Guard,
  ): Promise<Guard> {
    if (this.#waiting.length === 0) this.#start();
    let abort: (() => void) | undefined;
    let stopTimer: (() => void) | undefined;
    try {
      return await new Promise<Guard>((resolve, reject) => {
        const entry: Waiting = { resolve: (recovered) => resolve(granted(recovered)), reject };
        this.#waiting.push(entry);
        abort = () => this.#giveUp(entry, aborted(this.#name, signal as AbortSignal));
        signal?.addEventListener('abort', abort, { once: true });
        stopTimer = startTimer(timeout, () => this.#giveUp(entry, timedOut(this.#name, timeout)));
      });
    } finally {
      stopTimer?.();
      if (abort !== undefined) signal?.removeEventListener('abort', abort);
    }
  }

  #giveUp(entry: Waiting, error: Error): void {
    const index = this.#waiting.indexOf(entry);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    if (this.#waiting.length === 0) this.#stop();
    entry.reject(error);
  }

  /** Ends all waits. */
  close(error: () => Error): void {
    const ended = this.#waiting.splice(0);
    if (ended.length === 0) return;
    this.#stop();
    for (const { reject } of ended) reject(error());
  }

  /** Gives the lock, which the native thread has acquired, to the first wait. */
  granted(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    let taken: number;
    try {
      taken = lockTake(getEnvironment(), this.#handle);
    } catch (error) {
      this.close(() => error as Error);
      return;
    }
    // A blocking acquire of this thread was faster.
    if (taken < 0) return;
    this.#waiting.shift();
    if (this.#waiting.length === 0) this.#stop();
    first.resolve(taken === 1);
  }

  #start(): void {
    lockWant(getEnvironment(), this.#handle, this.#id);
    waiting.set(this.#id, this);
    pulse ??= setInterval(() => {}, LONGEST_DELAY);
  }

  #stop(): void {
    lockUnwant(getEnvironment(), this.#handle, this.#id);
    waiting.delete(this.#id);
    if (waiting.size > 0) return;
    clearInterval(pulse);
    pulse = undefined;
  }
}

/** Calls `ring` after a number of milliseconds. Returns a function that cancels it. */
function startTimer(milliseconds: number, ring: () => void): () => void {
  if (milliseconds === Infinity) return () => {};
  const end = performance.now() + milliseconds;
  let timer: NodeJS.Timeout;
  const start = (left: number) => {
    timer = setTimeout(next, Math.min(left, LONGEST_DELAY));
  };
  const next = () => {
    const left = end - performance.now();
    // A timer may ring up to a millisecond early.
    if (left < 1) ring();
    else start(left);
  };
  start(milliseconds);
  return () => clearTimeout(timer);
}
