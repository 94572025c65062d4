/** The options for acquiring a lock, and their checks. */
import { outOfRange } from '../errors.js';
import { checkOptions, wrongType } from '../options.js';

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

/** Checks the options of a blocking wait; returns the time-out in milliseconds, `Infinity` without one. */
export function checkTimeout(options: AcquireOptions | undefined): number {
  return completeTimeout(checkOptions(options, ['timeout']).timeout);
}

/** Checks the options of a wait that does not block. */
export function checkWait(options: AcquireAsyncOptions | undefined): {
  timeout: number;
  signal: AbortSignal | undefined;
} {
  const { timeout, signal } = checkOptions(options, ['timeout', 'signal']);
  return { timeout: completeTimeout(timeout), signal: checkSignal(signal) };
}

function completeTimeout(timeout: unknown): number {
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') throw wrongType('option timeout', 'a number of milliseconds', timeout);
  if (!(timeout >= 0 && timeout < Infinity)) {
    throw outOfRange(`option timeout must be a finite, non-negative number of milliseconds, not ${timeout}`);
  }
  return timeout;
}

/** Checks a signal. Not by its class: another realm, such as that of Jest, has one of its own. */
function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || isSignal(signal)) return signal;
  throw wrongType('option signal', 'an AbortSignal', signal);
}

function isSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AbortSignal).aborted === 'boolean' &&
    typeof (value as AbortSignal).addEventListener === 'function'
  );
}
