/** The options for acquiring a lock, and their checks. */
import { checkSignal } from '../abort.js';
import { checkOptions } from '../options.js';
import { checkMilliseconds } from '../timer.js';

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
  return checkMilliseconds(checkOptions(options, ['timeout']).timeout);
}

/** How to wait, complete. */
export interface CheckedWait {
  /** In milliseconds; `Infinity` without a limit. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

const FOR_EVER: CheckedWait = { timeout: Infinity, signal: undefined };

/** Checks the options of a wait that does not block. */
export function checkWait(options: AcquireAsyncOptions | undefined): CheckedWait {
  if (options === undefined) return FOR_EVER;
  const { timeout, signal } = checkOptions(options, ['timeout', 'signal']);
  return { timeout: checkMilliseconds(timeout), signal: checkSignal(signal) };
}
