/** The tasks of this thread that wait for one semaphore, event or the like without blocking, in their order. */
import { clock } from '../native/clock.js';
import { onAbort } from '../abort.js';
import type { Doorbell } from '../channel/doorbell.js';
import { Patience } from '../channel/patience.js';
import type { NativeGate } from '../native/binding.js';
import { gateArm, gateRest, gateTry } from '../native/binding.js';
import { startTimer } from '../timer.js';
import type { WaitErrors } from './gate.js';
import type { CheckedWait } from './wait.js';

/** The shortest and the longest pause, in milliseconds, between two looks at whether others have died. */
const SLICES = [1, 20] as const;
/** The longest pause where there is no bell. */
const POLL = 2;
/** How many times as long as a look has blocked the thread, the next pause takes at least. */
const SHARE = 4;
/** Milliseconds until a participant that could not stop waiting tries again. */
const RETRY = 100;

interface Task {
  readonly wanted: number;
  readonly phase: number;
  resolve(recovered: boolean): void;
  reject(error: unknown): void;
}

/** The queue of one instance. */
export class GateQueue {
  readonly #handle: NativeGate['handle'];
  readonly #bell: Doorbell;
  readonly #patience = new Patience();
  #tasks: Task[] = [];
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isArmed = false;

  constructor(handle: NativeGate['handle'], bell: Doorbell) {
    this.#handle = handle;
    this.#bell = bell;
  }

  /** How many tasks wait. */
  get length(): number {
    return this.#tasks.length;
  }

  /** Waits. Resolves to whether a participant died that held what was wanted. */
  async wait(wanted: number, phase: number, { timeout, signal }: CheckedWait, errors: WaitErrors): Promise<boolean> {
    let stopListening: (() => void) | undefined;
    let stopTimer: (() => void) | undefined;
    try {
      return await new Promise<boolean>((resolve, reject) => {
        const task: Task = { wanted, phase, resolve, reject };
        this.#tasks.push(task);
        stopTimer = startTimer(timeout, () => this.#giveUp(task, errors.timedOut()));
        if (this.#tasks.length === 1) this.#begin();
        stopListening = onAbort(signal, () => this.#giveUp(task, errors.aborted(signal as AbortSignal)));
      });
    } finally {
      stopTimer?.();
      stopListening?.();
    }
  }

  /** Something may have changed. */
  wake(): void {
    if (this.#tasks.length > 0) this.#pump();
  }

  /** The entry of this participant was used for something else: announces the tasks again. */
  renew(): void {
    if (this.#tasks.length > 0) this.#soon();
  }

  /** Ends all waits. */
  close(error: () => Error): void {
    const ended = this.#tasks;
    this.#tasks = [];
    this.#rest();
    for (const { reject } of ended) reject(error());
  }

  #giveUp(task: Task, error: Error): void {
    const index = this.#tasks.indexOf(task);
    if (index === -1) return;
    this.#tasks.splice(index, 1);
    if (this.#tasks.length === 0) this.#rest();
    // The task may have been called: the next one takes its place.
    else this.renew();
    task.reject(error);
  }

  #begin(): void {
    this.#since = clock();
    this.#soon();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isArmed) return;
    this.#isArmed = !this.#disarm();
    // A participant that is stopped keeps the guard. Until this one is withdrawn, others count it as waiting.
    if (this.#isArmed) this.#timer = setTimeout(() => this.#restLater(), RETRY).unref();
  }

  #restLater(): void {
    if (this.#tasks.length === 0) this.#rest();
  }

  #disarm(): boolean {
    try {
      return gateRest(this.#handle);
    } catch {
      // Closed or truncated: no other participant can notice.
      return true;
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

  /** Serves the tasks that need not wait any more. */
  #pump(): void {
    clearTimeout(this.#timer);
    try {
      const now = clock();
      const waited = now - this.#since;
      const served = this.#serve();
      if (served) this.#patience.learn(waited);
      if (this.#tasks.length === 0) return this.#rest();
      if (served) this.#since = now;
      if (served || this.#patience.isLeft(waited)) this.#soon();
      else this.#arm(now);
    } catch (error) {
      this.close(() => error as Error);
    }
  }

  #serve(): boolean {
    let served = false;
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      const taken = gateTry(this.#handle, task.wanted, task.phase);
      if (taken < 0) return served;
      // Taking it has ended what was announced.
      this.#isArmed = false;
      served = true;
      this.#tasks.shift();
      task.resolve(taken === 1);
    }
    return served;
  }

  /** Asks for the bell, and looks once more. `start` is when the first look began. */
  #arm(start: number): void {
    const hears = this.#bell.listen();
    const [task] = this.#tasks;
    if (task === undefined) return;
    this.#isArmed = true;
    if (gateArm(this.#handle, task.wanted, task.phase)) return this.#soon();
    const now = clock();
    const longest = hears ? SLICES[1] : POLL;
    const pause = Math.min(Math.max((now - this.#since) / 16, SLICES[0]), longest);
    // Where a participant that is stopped keeps the guard, each look blocks for 50 ms.
    this.#timer = setTimeout(() => this.wake(), Math.max(pause, (now - start) * SHARE));
  }
}
