/**
 * Errors of a test whose scope then failed to dispose of something: a `SuppressedError`, whose message says neither what
 * happened first nor what happened then.
 */

/** An error as a report has it. Of a `SuppressedError`, `suppressed` came first, and `error` while something was disposed of. */
export interface Reported {
  name?: string;
  message?: string;
  stack?: string;
  error?: unknown;
  suppressed?: unknown;
}

/** The errors of which a `SuppressedError` consists, in the order in which they were thrown; of any other, the error itself. */
export function partsOf(error: Reported): Reported[] {
  if (error.name !== 'SuppressedError' || !('suppressed' in error)) return [error];
  return [error.suppressed, error.error].flatMap((part) =>
    typeof part === 'object' && part !== null ? partsOf(part) : [{ message: String(part) }],
  );
}

/** Puts the parts in the place of each `SuppressedError`, an error that is there already only once. */
export function unfold(errors: Reported[]): void {
  const seen = new Set<string>();
  const parts = errors.flatMap(partsOf).filter((part) => {
    const text = part.stack ?? part.message ?? '';
    return !seen.has(text) && seen.add(text);
  });
  errors.splice(0, errors.length, ...parts);
}
