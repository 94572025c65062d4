/**
 * Lists what a process holds, for assertions in tests that nothing leaks.
 *
 * @module shareable/testing
 */
import { processSegments } from './native/binding.js';

/** A segment that this process owns, has mapped, or both. */
export interface ProcessSegment {
  /** The name of the segment. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether this process owns it: it is unlinked, with a warning, if the process ends now. */
  readonly isOwned: boolean;
  /** How many times this process has it mapped, in all its threads: created or attached, and not closed. */
  readonly mappings: number;
  /** The file, line and column that created it, if this process owns it and `SHAREABLE_CALL_SITE` is not `off`. */
  readonly createdAt: string | undefined;
}

/**
 * Returns the segments that this process owns or has mapped, sorted by name: those of lists, arrays and locks too. A
 * process that has disposed of everything has none.
 *
 * @example
 * ```ts
 * import { segments } from 'shareable/testing';
 *
 * afterEach(() => expect(segments()).toEqual([]));
 * ```
 */
export function segments(): ProcessSegment[] {
  return processSegments().map(({ name, size, isOwned, mappings, origin }) => ({
    name,
    size,
    isOwned,
    mappings,
    createdAt: origin === '' ? undefined : origin,
  }));
}
