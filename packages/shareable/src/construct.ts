/** Constructors for the package's own use: TypeScript's `private` does not stop `new` in JavaScript. */
import { invalidType } from './errors.js';

/** The first argument of every constructor that only the package may call. */
export const internal: unique symbol = Symbol('internal');

/**
 * Checks that a constructor was called by the package itself.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE`, naming what to call instead
 */
export function checkInternal(key: unknown, instead: string): void {
  if (key !== internal) throw invalidType('ERR_INVALID_ARG_VALUE', `use ${instead}, not new`);
}

/**
 * Takes back the creation of what no instance could be made over: without an owner, it would stay for ever. Throws nothing,
 * because the error that led here says more.
 */
export function takeBack(...steps: (() => void)[]): void {
  for (const step of steps) {
    try {
      step();
    } catch {
      // A process may have unlinked it before.
    }
  }
}
