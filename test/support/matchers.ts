/** `expect(fn).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', /text/)`: class, code and message of an error in one go. */
import { expect } from 'vitest';

type ErrorClass = abstract new (...args: never[]) => Error;

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** Whether a function throws an error of exactly this class, with this code, and this in its message. */
    toFailWith(errorClass: ErrorClass, code: string, message?: string | RegExp): R;
  }
}

/** Makes them known to `expect`. */
export function addMatchers(): void {
  expect.extend({
    toFailWith(fn: () => unknown, errorClass: ErrorClass, code: string, message: string | RegExp = '') {
      const expected = `${errorClass.name} with code ${code} and the message ${String(message)}`;
      let error: unknown;
      try {
        const result = fn();
        return { pass: false, message: () => `expected ${expected}, but it returned ${this.utils.stringify(result)}` };
      } catch (thrown) {
        error = thrown;
      }
      const pass =
        error instanceof Error &&
        error.constructor === errorClass &&
        (error as NodeJS.ErrnoException).code === code &&
        (typeof message === 'string' ? error.message.includes(message) : message.test(error.message));
      return {
        pass,
        message: () =>
          `expected ${expected}, got ${error instanceof Error ? `${error.constructor.name} ${(error as NodeJS.ErrnoException).code}: ${error.message}` : this.utils.stringify(error)}`,
      };
    },
  });
}
