/** The report of each of these scripts: one JSON text in the last line of its output. */

/** A test, or a file of tests, that was not run, and why. */
export interface Skip {
  file?: string;
  name?: string;
  /** Where the file declares it. */
  line?: number;
  reason: string;
}

/** What was done for one target. */
export interface Report {
  target: string;
  /** What it ran on. */
  how: string;
  built: boolean;
  passed: number;
  failed: number;
  skipped: Skip[];
  /** In bytes. */
  sizes?: { addon: number; helper: number };
  seconds: number;
  /** The names of what failed. */
  failures?: string[];
}

/** Counts of tests. */
export interface Counts {
  passed: number;
  failures: string[];
  skipped: Skip[];
}

/** The sum of counts. */
export function sum(all: readonly Counts[]): Counts {
  return {
    passed: all.reduce((total, { passed }) => total + passed, 0),
    failures: all.flatMap(({ failures }) => failures),
    skipped: all.flatMap(({ skipped }) => skipped),
  };
}

/** Does the work for a target. An error is a failure of that target. */
export async function report(
  target: string,
  how: string,
  work: (built: (sizes: { addon: number; helper: number } | undefined) => void) => Promise<Counts>,
): Promise<Report> {
  const start = performance.now();
  const result: Report = { target, how, built: false, passed: 0, failed: 0, skipped: [], seconds: 0 };
  try {
    const { passed, failures, skipped } = await work((sizes) => {
      result.built = true;
      if (sizes !== undefined) result.sizes = sizes;
    });
    Object.assign(result, { passed, failed: failures.length, skipped });
    if (failures.length > 0) result.failures = failures;
  } catch (thrown) {
    console.error(thrown);
    result.failed = 1;
    result.failures = [thrown instanceof Error ? thrown.message : String(thrown)];
  }
  result.seconds = Math.round((performance.now() - start) / 1000);
  return result;
}

/** Prints the results of all targets, and sets the exit code. */
export function finish(reports: readonly Report[]): void {
  if (reports.some(({ built, failed }) => failed > 0 || !built)) process.exitCode = 1;
  console.log(JSON.stringify(reports));
}
