/** Which of the core's tests do not run under Wine, and why. The package's tests declare what they need: see `test/support/platform.ts`. */
import type { Skip } from './types.ts';

/** Tests of the core, by the name of their program and their own. */
export const skippedCoreTests: readonly Skip[] = [
  {
    file: 'shareable_core',
    name: 'a_name_that_is_taken_is_refused',
    reason: 'Wine 10 lets a second server make the first end of a pipe that exists; Windows refuses it',
  },
];
