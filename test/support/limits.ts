/** Time limits of what tests start. They find what hangs, and prove nothing else, so that a busy machine does not reach them. */

/** The factor for all time limits, which is larger under emulation and for an old Node. */
export const patience: number = Number(process.env['SHAREABLE_TEST_PATIENCE'] ?? 1);

/** The time in milliseconds that a process gets. The default is a little less than a test has, which then says what hung. */
export function processLimit(milliseconds = 50_000): number {
  return milliseconds * patience;
}
