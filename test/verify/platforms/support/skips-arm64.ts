/** Which tests run under qemu's emulation of a process, which do not, and why. */
import type { Skip } from './report.ts';

/** The tests of a single process, where slow emulation does no harm. */
export const runUnderQemu: readonly string[] = [
  'test/list/',
  'test/memory/arguments',
  'test/memory/attach',
  'test/memory/buffer',
  'test/memory/closed',
  'test/memory/create',
  'test/memory/page',
  'test/memory/print',
  'test/lock/use',
];

/** The files among those that are left out. */
export const skippedFiles: readonly Skip[] = [
  { file: 'test/list/{long,properties,random-bytes}.test.ts', reason: 'too much computing for an emulation' },
];

/** The tests that are not among those. */
export const notTried: readonly Skip[] = [
  {
    file: 'crates/**',
    reason: "the core's own tests have not been tried under emulation; the workflow runs them on arm64",
  },
  {
    file: 'all other files of test/**',
    reason:
      'they start many processes, and each takes seconds to start under emulation; the workflow runs them on arm64',
  },
];
