/**
 * The tasks of this thread that wait for a lock without blocking, in their order, whichever instances they wait by.
 *
 * While this thread has the lock, it is handed from task to task here. Otherwise a native thread, one for all locks of this
 * thread of JavaScript, waits on behalf of the first task, and tells when it has acquired the lock.
 */
import { clearInterval, setInterval } from 'node:timers';

import { onAbort } from '../abort.js';
import type { NativeLock } from '../native/binding.js';
import { lockAlarm, lockEnvironment, lockSilence, lockTake, lockUnwant, lockWant } from '../native/binding.js';
import { aborted, timedOut } from './errors.js';

/** The longest delay of a timer, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The native state of this thread, created with its first lock. */
let environment: ReturnType<typeof lockEnvironment> | undefined;

/** What the native side's calls mean, by their numbers. */
const calls = new Map<number, () => void>();
let numbers = 0;

/** How many queues wait natively, and what keeps the event loop alive meanwhile, as a read of a file would. */
let pending = 0;
let pulse: NodeJS.Timeout | undefined;

/** Returns the native state of this thread. */
export function getEnvironment(): ReturnType<typeof lockEnvironment> {
  return (environment ??= lockEnvironment((id) => calls.get(id)?.()));
}

function register(call: () => void): number {
  do numbers = (numbers + 1) >>> 0;
  while (calls.has(numbers));
  calls.set(numbers, call);
  return numbers;
}

/** An instance of a lock, as the queue sees it. */
export interface Member {
  readonly native: NativeLock;
  /** The lock word. */
  readonly word: Int32Array;
  readonly isHeld: boolean;
}

/** A task that waits. */
interface Waiting {
  readonly member: Member;
  resolve(recovered: boolean): void;
  reject(error: unknown): void;
}

/** The queue for one lock in this thread, and the lock's instances here. */
export class LockQueue {
  readonly #members = new Set<WeakRef<Member>>();
  readonly #waiting: Waiting[] = [];
  /** The task for which the native side waits, and by what number. */
  #first: Waiting | undefined;
  #id = 0;

  /** The number of waits. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Whether this thread has the lock, by whichever instance. */
  get isHeld(): boolean {
    for (const member of this.#members) if (member.deref()?.isHeld === true) return true;
    return false;
  }

  add(member: WeakRef<Member>): void {
    for (const other of this.#members) if (other.deref() === undefined) this.#members.delete(other);
    this.#members.add(member);
  }

  /** Ends the instance's waits. Returns whether it was the last one. */
  remove(reference: WeakRef<Member>, error: () => Error): boolean {
    this.#members.delete(reference);
    const member = reference.deref();
    for (const task of this.#waiting.filter((one) => one.member === member)) this.#giveUp(task, error());
    return this.#members.size === 0;
  }

  /**
   * Waits until the lock is acquired for the caller.
   *
   * @param granted takes the lock over; called synchronously, before anything else in this thread can acquire it
   */
  async wait<Guard>(
    member: Member,
    timeout: number,
    signal: AbortSignal | undefined,
    granted: (recovered: boolean) => Guard,
  ): Promise<Guard> {
    const { name } = member.native;
    let stopListening: (() => void) | undefined;
    let alarm = 0;
    try {
      return await new Promise<Guard>((resolve, reject) => {
        const task: Waiting = { member, resolve: (recovered) => resolve(granted(recovered)), reject };
        this.#waiting.push(task);
        if (timeout !== Infinity) {
          alarm = register(() => this.#giveUp(task, timedOut(name, timeout)));
          lockAlarm(getEnvironment(), alarm, timeout);
        }
        retain();
        stopListening = onAbort(signal, () => this.#giveUp(task, aborted(name, signal as AbortSignal)));
        this.advance();
      });
    } finally {
      if (alarm !== 0) {
        calls.delete(alarm);
        lockSilence(getEnvironment(), alarm);
      }
      stopListening?.();
    }
  }

  /**
   * Gives the lock, which `from` has and is about to release, to the first task. Only where nobody in another thread waits:
   * that is for the native side to put in order.
   */
  handOver(from: Member): boolean {
    const [first] = this.#waiting;
    if (first === undefined || this.#first !== undefined) return false;
    const { seat } = from.native;
    if (Atomics.compareExchange(from.word, 0, seat, first.member.native.seat) !== seat) return false;
    this.#remove(first);
    first.resolve(false);
    return true;
  }

  /** Has the native side wait for the first task, unless it does or this thread has the lock. */
  advance(): void {
    const [first] = this.#waiting;
    if (first === this.#first || this.isHeld) return;
    this.#stop();
    if (first === undefined) return;
    this.#id = register(() => this.#granted());
    this.#first = first;
    try {
      lockWant(getEnvironment(), first.member.native.handle, this.#id);
    } catch (error) {
      this.#giveUp(first, error);
    }
  }

  /** The native side has acquired the lock for the first task. */
  #granted(): void {
    const first = this.#first;
    if (first === undefined) return;
    let taken: number;
    try {
      taken = lockTake(getEnvironment(), first.member.native.handle);
    } catch (error) {
      this.#giveUp(first, error);
      return;
    }
    // A blocking acquire of this thread was faster.
    if (taken < 0) return;
    this.#stop();
    this.#remove(first);
    first.resolve(taken === 1);
  }

  #giveUp(task: Waiting, error: unknown): void {
    if (!this.#remove(task)) return;
    task.reject(error);
    this.advance();
  }

  #remove(task: Waiting): boolean {
    const index = this.#waiting.indexOf(task);
    if (index === -1) return false;
    this.#waiting.splice(index, 1);
    release();
    return true;
  }

  #stop(): void {
    if (this.#first === undefined) return;
    lockUnwant(getEnvironment(), this.#first.member.native.handle, this.#id);
    calls.delete(this.#id);
    this.#first = undefined;
  }
}

function retain(): void {
  pending += 1;
  pulse ??= setInterval(() => {}, LONGEST_DELAY);
}

function release(): void {
  pending -= 1;
  if (pending > 0) return;
  clearInterval(pulse);
  pulse = undefined;
}
