/** Signals that end a wait. */
import { inspect } from 'node:util';

import { invalidType } from './errors.js';

/**
 * Checks the option `signal`. Not by its class: jsdom, and with it Jest, has an `AbortSignal` of its own.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything but a signal or `undefined`
 */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || isSignal(signal)) return signal;
  throw invalidType(
    'ERR_INVALID_ARG_TYPE',
    `option signal must be an AbortSignal, not ${inspect(signal, { depth: 0 })}`,
  );
}

function isSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AbortSignal).aborted === 'boolean' &&
    typeof (value as AbortSignal).addEventListener === 'function'
  );
}

/**
 * Calls `abort` when the signal is aborted: at once if it is by now, because code of the program may have run since it was
 * checked (a getter of a value, a subscriber). Returns a function that stops this.
 */
export function onAbort(signal: AbortSignal | undefined, abort: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
