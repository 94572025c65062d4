/** How long to wait. */
import { outOfRange } from '../errors.js';
import { checkOptions, wrongType } from '../options.js';

/** How to wait. */
export interface Timeout {
  /** How long to wait at most, in milliseconds; 0: not at all. Default: for ever. */
  timeout?: number | undefined;
}

/** How to wait without blocking. */
export interface Wait extends Timeout {
  /** Gives up the wait. */
  signal?: AbortSignal | undefined;
}

/** {@link Wait}, complete. */
export interface CheckedWait {
  timeout: number;
  signal: AbortSignal | undefined;
}

/** Checks a time-out. Returns it in milliseconds, or `Infinity` for none. */
export function checkTimeout(options: Timeout | undefined): number {
  const timeout: unknown = checkOptions<Wait>(options, ['timeout', 'signal']).timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') throw wrongType('option timeout', 'a number of milliseconds', timeout);
  if (timeout >= 0 && timeout < Infinity) return timeout;
  throw outOfRange(`option timeout must be a finite number of milliseconds that is not negative, not ${timeout}`);
}

/** Checks how to wait. */
export function checkWait(options: Wait | undefined): CheckedWait {
  const timeout = checkTimeout(options);
  const signal: unknown = options?.signal;
  if (signal === undefined || signal instanceof AbortSignal) return { timeout, signal };
  throw wrongType('option signal', 'an AbortSignal', signal);
}
