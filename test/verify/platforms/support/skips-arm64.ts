/** What of the tests runs under qemu's emulation of a process, what does not, and why. */
import type { Skip } from './report.ts';

/** What is of one process, where an instruction more or less per instruction does no harm. */
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

/** Of those, what is left out. */
export const skippedFiles: readonly Skip[] = [
  { file: 'test/list/{long,properties,random-bytes}.test.ts', reason: 'too much computing for an emulation' },
];

/** What is not among those. */
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
