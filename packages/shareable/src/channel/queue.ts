/** Those of this thread that wait for messages, or for room, without blocking, in their order. */
import { clock } from '../native/clock.js';
import { onAbort } from '../abort.js';
import { channelArm } from '../native/binding.js';
import type { Doorbell } from './doorbell.js';
import { aborted, timedOut } from './errors.js';
import { hasTurned } from './pace.js';
import { Patience } from './patience.js';
import type { Ring } from './ring.js';
import { CHANNEL_WAIT, isWatched, watchAsync } from '../diagnostics/channels.js';
import type { CheckedWait } from '../lock/options.js';
import { startTimer } from '../timer.js';

/** The shortest and the longest pause, in milliseconds, between two looks at whether others have died. */
const SLICES = [1, 20] as const;
/** The same where the bell rings for all that comes. More often, nobody looks whether others live. */
const QUIET = [5, 20] as const;
/** The same where there is no bell. */
const POLL = [1, 2] as const;

/** What {@link channelArm} and its like give. */
export const READY = 0;
export const AGAIN = 1;
export const TIMED_OUT = 2;
export const ENDED = 3;
export const DIED = 4;
export const NO_CONSUMER = 5;

/** An attempt came to nothing: the wait goes on. */
export const EMPTY: unique symbol = Symbol('empty');

/** One that waits. */
class Waiting<Result = unknown> {
  readonly #attempt: () => Result | typeof EMPTY;
  readonly #settle: (outcome: number) => Result | typeof EMPTY;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: unknown) => void;
  stopTimer: (() => void) | undefined;
  stopListening: (() => void) | undefined;

  constructor(
    attempt: () => Result | typeof EMPTY,
    settle: (outcome: number) => Result | typeof EMPTY,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ) {
    this.#attempt = attempt;
    this.#settle = settle;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Tries; returns `true` when that came to an end, good or bad. */
  attempt(): boolean {
    let result: Result | typeof EMPTY;
    try {
      result = this.#attempt();
    } catch (error) {
      this.reject(error);
      return true;
    }
    return this.#end(result);
  }

  /** Takes an outcome other than that there is something; returns `true` when that is its end. */
  settle(outcome: number): boolean {
    let result: Result | typeof EMPTY;
    try {
      result = this.#settle(outcome);
    } catch (error) {
      this.reject(error);
      return true;
    }
    return this.#end(result);
  }

  reject(error: unknown): void {
    this.#stop();
    this.#reject(error);
  }

  #end(result: Result | typeof EMPTY): boolean {
    if (result === EMPTY) return false;
    this.#stop();
    this.#resolve(result);
    return true;
  }

  #stop(): void {
    this.stopTimer?.();
    this.stopListening?.();
  }
}

/** The queue of one side of one channel. */
export class WaitQueue {
  readonly #ring: Ring;
  readonly #isSenders: boolean;
  readonly #bell: Doorbell;
  readonly #waiting: Waiting[] = [];
  readonly #patience = new Patience();
  /** Bytes for which the first one needs room. */
  needed = 0;
  #since = 0;
  /** The first look without the bell, and a later one. That goes on when nobody waits any more, and keeps no process alive. */
  #first: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isFirst = true;

  constructor(ring: Ring, isSenders: boolean, bell: Doorbell) {
    this.#ring = ring;
    this.#isSenders = isSenders;
    this.#bell = bell;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Waits until `attempt` gives something other than {@link EMPTY}.
   *
   * @param settle what an outcome other than {@link READY} means: a result, or {@link EMPTY} to go on; may throw
   */
  wait<Result>(
    wait: CheckedWait,
    attempt: () => Result | typeof EMPTY,
    settle: (outcome: number) => Result | typeof EMPTY,
  ): Promise<Result> {
    if (!isWatched(CHANNEL_WAIT)) return this.#wait(wait, attempt, settle);
    const side = this.#isSenders ? 'send' : 'receive';
    const message = { name: this.#ring.name, side, isAsync: true, timeout: wait.timeout } as const;
    return watchAsync(CHANNEL_WAIT, message, () => this.#wait(wait, attempt, settle));
  }

  #wait<Result>(
    { timeout, signal }: CheckedWait,
    attempt: () => Result | typeof EMPTY,
    settle: (outcome: number) => Result | typeof EMPTY,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const waiting = new Waiting(attempt, settle, resolve, reject);
      this.#waiting.push(waiting as Waiting);
      const giveUp = (error: Error): void => this.#giveUp(waiting as Waiting, error);
      if (timeout !== Infinity) {
        const what = this.#isSenders ? 'room' : 'message';
        waiting.stopTimer = startTimer(timeout, () => giveUp(timedOut(this.#ring.name, what, timeout)));
      }
      if (signal !== undefined) {
        waiting.stopListening = onAbort(signal, () => giveUp(aborted(this.#ring.name, signal)));
      }
      if (this.#waiting[0] === waiting) this.#begin();
    });
  }

  /** Something may have changed. */
  wake(): void {
    if (this.#waiting.length > 0) this.#pump();
  }

  /** Ends all waits. */
  close(error: () => Error): void {
    const ended = this.#waiting.splice(0);
    clearTimeout(this.#first);
    clearTimeout(this.#timer);
    this.#first = undefined;
    this.#timer = undefined;
    this.#rest();
    for (const waiting of ended) waiting.reject(error());
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
    this.#since = clock();
    this.#isFirst = true;
    if (this.#patience.isAny) this.#soon();
    else this.#arm();
  }

  /** Nobody waits any more. */
  #rest(): void {
    this.#timer?.unref();
    this.#ring.sate(this.#isSenders);
  }

  #soon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#wakeInTurn();
    });
  }

  /** As {@link wake}, when the event loop has just turned. */
  #wakeInTurn(): void {
    if (this.#waiting.length === 0) return;
    hasTurned();
    this.#pump();
  }

  /** Serves as many as there is something for. */
  #pump(): void {
    const waited = clock() - this.#since;
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
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const isJustNow = isFirst && hears && !this.#isSenders;
    if (isJustNow && this.#ring.awaits()) return this.#setTimer(isFirst, hears);
    let outcome: number;
    try {
      const waited = clock() - this.#since;
      outcome = channelArm(this.#ring.handle, this.#isSenders, this.needed, waited);
      if (isJustNow) this.#ring.learn(outcome === AGAIN);
    } catch (error) {
      return this.close(() => error as Error);
    }
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
    this.#setTimer(isFirst, hears);
  }

  /** Looks after a while without the bell: it does not ring for a death, nor for what another one has left. */
  #setTimer(isFirst: boolean, hears: boolean): void {
    // The same object, used again or left as it is, costs less than a new one.
    if (isFirst) {
      if (this.#first === undefined) this.#first = setTimeout(() => this.#wakeInTurn(), SLICES[0]);
      else this.#first.refresh();
      return;
    }
    const isQuiet = hears && this.#bell.hasRung && !this.#isSenders && this.#ring.isEmpty;
    if (isQuiet && this.#timer !== undefined) {
      this.#timer.ref();
      return;
    }
    clearTimeout(this.#timer);
    const waited = clock() - this.#since;
    const [shortest, longest] = isQuiet ? QUIET : hears ? SLICES : POLL;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#wakeInTurn();
      },
      Math.min(Math.max(waited / 16, shortest), longest),
    );
  }
}
