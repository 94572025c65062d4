/** The arguments of the ways to acquire a lock, and the checks on them. */
import { inspect } from 'node:util';

import { invalidType, outOfRange } from '../errors.js';

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

function checkOptions<Options extends object>(options: Options): Options {
  if (typeof options === 'object' && options !== null) return options;
  throw invalidType('ERR_INVALID_ARG_TYPE', `options must be an object, not ${inspect(options, { depth: 0 })}`);
}

/** Checks a time-out; gives it in milliseconds, `Infinity` if there is none. */
export function checkTimeout(options: AcquireOptions | undefined): number {
  const timeout: unknown = options === undefined ? undefined : checkOptions(options).timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== 'number') {
    throw invalidType(
      'ERR_INVALID_ARG_TYPE',
      `option timeout must be a number of milliseconds, not ${inspect(timeout, { depth: 0 })}`,
    );
  }
  if (!(timeout >= 0 && timeout < Infinity)) {
    throw outOfRange(`option timeout must be a finite number of milliseconds that is not negative, not ${timeout}`);
  }
  return timeout;
}

/** Checks a signal. */
export function checkSignal(options: AcquireAsyncOptions | undefined): AbortSignal | undefined {
  const signal: unknown = options?.signal;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw invalidType(
    'ERR_INVALID_ARG_TYPE',
    `option signal must be an AbortSignal, not ${inspect(signal, { depth: 0 })}`,
  );
}
