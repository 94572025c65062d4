/** How long to wait. */
import { checkWait } from '../lock/options.js';

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

/** Checks a time-out. Returns it in milliseconds, or `Infinity` without one. */
export function checkTimeout(options: Timeout | undefined): number {
  return checkWait(options).timeout;
}
