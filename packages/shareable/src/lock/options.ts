/** The options for acquiring a lock, and their checks. */
import { outOfRange } from '../errors.js';
import { checkObject, wrongType } from '../options.js';

/** How to acquire a lock. */
export interface AcquireOptions {
  /** The longest time to wait, in milliseconds; 0 does not wait. Default: no limit. */
  timeout?: number | undefined;
}

/** How to acquire a lock without blocking. */
export interface AcquireAsyncOptions extends AcquireOptions {
  /** Ends the wait with a `LockAbortedError` when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** Checks a time-out. Returns it in milliseconds, or `Infinity` for none. */
export function checkTimeout(options: AcquireOptions | undefined): number {
  const timeout: unknown = checkObject(options).timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') throw wrongType('option timeout', 'a number of milliseconds', timeout);
  if (!(timeout >= 0 && timeout < Infinity)) {
    throw outOfRange(`option timeout must be a finite, non-negative number of milliseconds, not ${timeout}`);
  }
  return timeout;
}

/** Checks a signal. */
export function checkSignal(options: AcquireAsyncOptions | undefined): AbortSignal | undefined {
  const signal: unknown = checkObject(options).signal;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrongType('option signal', 'an AbortSignal', signal);
}
