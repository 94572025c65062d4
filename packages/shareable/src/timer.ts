/** Timers without the limits of `setTimeout`. */
import { clock } from './native/clock.js';
import { outOfRange } from './errors.js';
import { wrongType } from './options.js';

/**
 * Checks the option `timeout`. Returns it in milliseconds, or `Infinity` when it is absent.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or {RangeError} `ERR_OUT_OF_RANGE` for a negative or infinite number
 */
export function checkMilliseconds(timeout: unknown): number {
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') throw wrongType('option timeout', 'a number of milliseconds', timeout);
  if (timeout >= 0 && timeout < Infinity) return timeout;
  throw outOfRange(`option timeout must be a finite, non-negative number of milliseconds, not ${timeout}`);
}

/** The longest delay of a timer, in milliseconds; longer ones are made of several. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Calls `ring` after a number of milliseconds, or never for `Infinity`. Returns a function that cancels it. */
export function startTimer(milliseconds: number, ring: () => void): () => void {
  if (milliseconds === Infinity) return () => {};
  const end = clock() + milliseconds;
  let timer: NodeJS.Timeout;
  const next = (): void => {
    const left = end - clock();
    // A timer may ring up to a millisecond early.
    if (left < 1) ring();
    else start(left);
  };
  const start = (left: number): void => {
    timer = setTimeout(next, Math.min(left, LONGEST_DELAY));
  };
  start(milliseconds);
  return () => clearTimeout(timer);
}
