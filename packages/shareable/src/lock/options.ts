/** The arguments of the ways to acquire a lock, and the checks on them. */
import { outOfRange } from '../errors.js';
import { checkObject, wrongType } from '../options.js';

/** How to acquire a lock. */
export interface AcquireOptions {
  /** How long to wait at most, in milliseconds; 0: not at all. Default: for ever. */
  timeout?: number | undefined;
}

/** How to acquire a lock without blocking. */
export interface AcquireAsyncOptions extends AcquireOptions {
  /** Gives up the wait, with a `LockAbortedError`. */
  signal?: AbortSignal | undefined;
}

/** Checks a time-out; gives it in milliseconds, `Infinity` if there is none. */
export function checkTimeout(options: AcquireOptions | undefined): number {
  const timeout: unknown = checkObject(options).timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') throw wrongType('option timeout', 'a number of milliseconds', timeout);
  if (!(timeout >= 0 && timeout < Infinity)) {
    throw outOfRange(`option timeout must be a finite number of milliseconds that is not negative, not ${timeout}`);
  }
  return timeout;
}

/** Checks a signal. */
export function checkSignal(options: AcquireAsyncOptions | undefined): AbortSignal | undefined {
  const signal: unknown = checkObject(options).signal;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrongType('option signal', 'an AbortSignal', signal);
}
