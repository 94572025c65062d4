/** How long to wait. */
import { checkSignal } from '../abort.js';
import { checkOptions } from '../options.js';
import { checkMilliseconds } from '../timer.js';

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

/** Checks a time-out. Returns it in milliseconds, or `Infinity` without one. */
export function checkTimeout(options: Timeout | undefined): number {
  return checkWait(options).timeout;
}

/** Checks how to wait. */
export function checkWait(options: Wait | undefined): CheckedWait {
  const { timeout, signal } = checkOptions(options, ['timeout', 'signal']);
  return { timeout: checkMilliseconds(timeout), signal: checkSignal(signal) };
}
