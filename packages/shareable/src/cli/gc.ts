/** `shareable gc`. */
import type { Command } from './command.js';
import { uid } from './facts.js';
import type { Line } from './format.js';
import { count, formatBytes } from './format.js';
import type { Sweep } from './helper.js';
import { listSegments, sweepSegments } from './helper.js';

/** What a sweep removed and what it left. */
interface Outcome {
  /** With the size in bytes, or null for a segment that was created during the sweep. */
  readonly removed: readonly { name: string; size: number | null }[];
  /** Tracked, but not left behind. */
  readonly kept: Sweep['kept'];
  /** Created to outlive their creators, or by CPython. Only `rm` removes them. */
  readonly untracked: readonly string[];
}

function* describe({ removed, kept, untracked }: Outcome): Generator<Line> {
  const bytes = removed.reduce((sum, { size }) => sum + (size ?? 0), 0);
  if (removed.length === 0) yield 'Nothing was left behind.';
  else yield `Removed ${count(removed.length, 'segment')} left behind by crashed owners, ${formatBytes(bytes)}:`;
  for (const { name, size } of removed) yield `  ${name}${size === null ? '' : `  ${formatBytes(size)}`}`;
  if (kept.length > 0) yield `Left ${count(kept.length, 'segment')}:`;
  for (const { name, reason } of kept) yield `  ${name}  ${reason}`;
  if (untracked.length > 0) {
    yield `Left ${count(untracked.length, 'segment')} not tracked (track: false, or CPython's), for 'shareable rm':`;
  }
  for (const name of untracked) yield `  ${name}`;
}

export const gc: Command = {
  usage: 'gc',
  summary: 'remove segments that crashed owners left behind',
  details: [
    'Removes the segments of this user that were created with track: true and that no process has open or mapped.',
    'Never removes segments that are in use, that were created with track: false or by CPython, or of other users.',
  ],
  options: {},
  names: { min: 0, max: 0 },
  async run() {
    const before = await listSegments();
    const { removed, kept } = await sweepSegments();
    const outcome: Outcome = {
      removed: removed.map((name) => ({ name, size: before.find((segment) => segment.name === name)?.size ?? null })),
      kept,
      untracked: before.filter((segment) => segment.uid === uid && !segment.isTracked).map(({ name }) => name),
    };
    return { json: () => outcome, lines: () => describe(outcome) };
  },
};
