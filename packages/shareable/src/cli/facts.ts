/** What is known of a segment, for people and for programs: the same wherever one is shown. */
import type { Kind } from './contents.js';
import type { Piece } from './format.js';
import type { Segment } from './helper.js';

/** A segment, and what it holds. */
export type Entry = Segment & Kind;

/** This user's number; -1 where users have none. */
export const uid: number = process.geteuid?.() ?? -1;

/** Whether it is one that a sweep removes: of other users' segments it is not known whether they are in use. */
export function isStale({ isTracked, isInUse }: Segment): boolean {
  return isTracked && isInUse === false;
}

/** Permission bits as `ls -l`'s relatives write them. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** `yes`, `no`, or that it is not known. */
export function formatBoolean(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : 'no';
}

/** The process that created a segment. */
export function formatOwner({ owner, isTracked }: Segment): Piece {
  if (owner === null) return { text: 'unknown', style: 'dim' };
  if (owner.isAlive) return `${owner.pid}`;
  // What is not tracked is meant to outlive its creator.
  return { text: `${owner.pid} (dead)`, style: isTracked ? 'warning' : 'dim' };
}

/** A segment in JSON, with nulls where the system lists none. */
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
    uid: segment?.uid ?? null,
    mode: segment === undefined ? null : formatMode(segment.mode),
    createdAt: segment === undefined ? null : new Date(segment.createdAt).toISOString(),
  };
}
