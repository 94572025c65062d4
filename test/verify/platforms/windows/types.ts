/** The types that the parts of the Windows run share. */

/** A test, or a file of tests, that was not run, and why. */
export interface Skip {
  file?: string;
  name?: string;
  reason: string;
}

/** The results of some tests. */
export interface Counts {
  passed: number;
  /** The names, with short messages. */
  failures: string[];
  skipped: Skip[];
}
