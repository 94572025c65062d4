/** Those of this thread that wait for messages, or for room, without blocking, in their order. */
import { onAbort } from '../abort.js';
import type { NativeChannel } from '../native/binding.js';
import { channelArm, channelSated } from '../native/binding.js';
import type { Doorbell } from './doorbell.js';
import { aborted, timedOut } from './errors.js';
import { Patience } from './patience.js';
import { CHANNEL_WAIT, isWatched, watchAsync } from '../diagnostics/channels.js';
import type { CheckedWait } from '../lock/options.js';
import { startTimer } from '../timer.js';

/** The shortest and the longest pause, in milliseconds, between two looks at whether others have died. */
const SLICES = [1, 20] as const;
/** The longest pause where there is no bell. */
const POLL = 2;

/** What {@link channelArm} and its like give. */
export const READY = 0;
export const AGAIN = 1;
export const TIMED_OUT = 2;
export const ENDED = 3;
export const DIED = 4;
export const NO_CONSUMER = 5;

/** One that waits. */
interface Waiting {
  /** Tries; settles and returns `true` when that came to an end, good or bad. */
  attempt(): boolean;
  /** Takes an outcome other than that there is something; returns `true` when that is its end. */
  settle(outcome: number): boolean;
  reject(error: unknown): void;
}

/** The queue of one side of one channel. */
export class WaitQueue {
  readonly #name: string;
  readonly #handle: NativeChannel['handle'];
  readonly #isSenders: boolean;
  readonly #bell: Doorbell;
  readonly #waiting: Waiting[] = [];
  readonly #patience = new Patience();
  /** Bytes for which the first one needs room. */
  needed = 0;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isFirst = true;

  constructor(native: NativeChannel, isSenders: boolean, bell: Doorbell) {
    this.#name = native.name;
    this.#handle = native.handle;
    this.#isSenders = isSenders;
    this.#bell = bell;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Waits until `attempt` gives something other than `undefined`.
   *
   * @param settle what an outcome other than {@link READY} means: a result, or `undefined` to go on; may throw
   */
  wait<Result>(
    wait: CheckedWait,
    attempt: () => Result | undefined,
    settle: (outcome: number) => Result | undefined,
  ): Promise<Result> {
    if (!isWatched(CHANNEL_WAIT)) return this.#wait(wait, attempt, settle);
    const side = this.#isSenders ? 'send' : 'receive';
    const message = { name: this.#name, side, isAsync: true, timeout: wait.timeout } as const;
    return watchAsync(CHANNEL_WAIT, message, () => this.#wait(wait, attempt, settle));
  }

  async #wait<Result>(
    { timeout, signal }: CheckedWait,
    attempt: () => Result | undefined,
    settle: (outcome: number) => Result | undefined,
  ): Promise<Result> {
    let entry: Waiting | undefined;
    let stopListening: (() => void) | undefined;
    let stopTimer: (() => void) | undefined;
    try {
      return await new Promise<Result>((resolve, reject) => {
        const run = (fn: () => Result | undefined): boolean => {
          try {
            const result = fn();
            if (result === undefined) return false;
            resolve(result);
          } catch (error) {
            reject(error as Error);
          }
          return true;
        };
        entry = { attempt: () => run(attempt), settle: (outcome) => run(() => settle(outcome)), reject };
        const waiting = entry;
        this.#waiting.push(waiting);
        const what = this.#isSenders ? 'room' : 'message';
        stopTimer = startTimer(timeout, () => this.#giveUp(waiting, timedOut(this.#name, what, timeout)));
        if (this.#waiting.length === 1) this.#begin();
        const giveUp = () => this.#giveUp(waiting, aborted(this.#name, signal as AbortSignal));
        stopListening = onAbort(signal, giveUp);
      });
    } finally {
      stopTimer?.();
      stopListening?.();
    }
  }

  /** Something may have changed. */
  wake(): void {
    if (this.#waiting.length > 0) this.#pump();
  }

  /** Ends all waits. */
  close(error: () => Error): void {
    const ended = this.#waiting.splice(0);
    this.#rest();
    for (const { reject } of ended) reject(error());
  }

  #giveUp(entry: Waiting, error: Error): void {
    const index = this.#waiting.indexOf(entry);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    if (this.#waiting.length === 0) this.#rest();
    entry.reject(error);
  }

  /** A new wait begins. */
  #begin(): void {
    this.#since = performance.now();
    this.#isFirst = true;
    this.#soon();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isFirst) this.#sated();
    this.#isFirst = true;
  }

  #sated(): void {
    try {
      channelSated(this.#handle, this.#isSenders);
    } catch {
      // Closed, or truncated: nobody has to stand back.
    }
  }

  #soon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.wake();
    });
  }

  /** Serves as many as there is something for. */
  #pump(): void {
    clearTimeout(this.#timer);
    const waited = performance.now() - this.#since;
    let served = 0;
    while (this.#isServed((first) => first.attempt())) served += 1;
    if (served > 0) this.#patience.learn(waited);
    if (this.#waiting.length === 0) return this.#rest();
    if (served > 0) this.#begin();
    else if (this.#patience.isLeft(waited)) this.#soon();
    else this.#arm();
  }

  /** Serves the first one by `serve`, which tells whether it has. A codec may have ended the wait meanwhile. */
  #isServed(serve: (first: Waiting) => boolean): boolean {
    const [first] = this.#waiting;
    if (first === undefined || !serve(first)) return false;
    const index = this.#waiting.indexOf(first);
    if (index !== -1) this.#waiting.splice(index, 1);
    return true;
  }

  /** Has the bell rung, and looks once more. */
  #arm(): void {
    const hears = this.#bell.listen();
    let outcome: number;
    try {
      outcome = channelArm(this.#handle, this.#isSenders, this.needed, this.#isFirst);
    } catch (error) {
      return this.close(() => error as Error);
    }
    this.#isFirst = false;
    if (outcome === READY && this.#isServed((first) => first.attempt())) {
      return this.#waiting.length === 0 ? this.#rest() : this.#begin();
    }
    if (outcome > TIMED_OUT) {
      while (this.#isServed((first) => first.settle(outcome))) {
        // A death is told to one of them, the end to all.
        if (outcome === DIED) break;
      }
      if (this.#waiting.length === 0) return this.#rest();
    }
    const waited = performance.now() - this.#since;
    const longest = hears ? SLICES[1] : POLL;
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(waited / 16, SLICES[0]), longest));
  }
}
