/** What the parts of the Windows run tell each other. */

/** A test, or a file of tests, that was not run, and why. */
export interface Skip {
  file?: string;
  name?: string;
  reason: string;
}

/** What came of some tests. */
export interface Counts {
  passed: number;
  /** Names, with what was said where that is short. */
  failures: string[];
  skipped: Skip[];
}
