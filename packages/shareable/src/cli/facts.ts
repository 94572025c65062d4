/** The facts about a segment, for people and for programs, in the same form for all commands. */
import type { Kind } from './contents.js';
import type { Piece } from './format.js';
import type { Segment } from './helper.js';

/** A segment and its contents. */
export type Entry = Segment & Kind;

/** This user's number, or 0 where users have no numbers. */
export const uid: number = process.geteuid?.() ?? 0;

/**
 * Whether a sweep would remove it. Whether segments of other users are in use is not known. On macOS it is not known of any
 * segment; a sweep removes those of dead owners, as their trackers would have.
 */
export function isStale({ isTracked, isInUse, owner }: Segment): boolean {
  return isTracked && (isInUse === false || (isInUse === null && owner?.isAlive === false));
}

/** Formats permission bits in octal. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Formats a boolean, or null for unknown. */
export function formatBoolean(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : 'no';
}

/** The process that created a segment. */
export function formatOwner({ owner, isTracked }: Segment): Piece {
  if (owner === null) return { text: 'unknown', style: 'dim' };
  if (owner.isAlive) return `${owner.pid}`;
  // An untracked segment is meant to outlive its creator.
  return { text: `${owner.pid} (dead)`, style: isTracked ? 'warning' : 'dim' };
}

/** Returns a segment as JSON, with nulls where the system does not list segments. */
export function toShape(base: Pick<Segment, 'name' | 'size'> & Kind, segment: Segment | undefined): object {
  const { name, size, kind, length } = base;
  return {
    name,
    kind,
    length,
    size,
    residentBytes: segment?.residentBytes ?? null,
    isTracked: segment?.isTracked ?? null,
    isInUse: segment?.isInUse ?? null,
    owner: segment?.owner ?? null,
    origin: segment?.origin ?? null,
    uid: segment?.uid ?? null,
    mode: segment === undefined ? null : formatMode(segment.mode),
    createdAt: typeof segment?.createdAt === 'number' ? new Date(segment.createdAt).toISOString() : null,
  };
}
