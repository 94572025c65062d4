/** Which tests do not run on musl, and why. */
import type { Skip } from './report.ts';

export const skippedInMusl: readonly Skip[] = [
  { file: 'test/**', reason: "Vitest's bundler does not load in this runtime; the workflow runs the suite on Alpine" },
];

export const skippedRust: readonly Skip[] = [
  {
    name: 'an_initializer_that_panics_leaves_no_name',
    reason: "a static test program cannot unwind here: it is linked with an unwinder of Debian's GCC, which is glibc's",
  },
];
