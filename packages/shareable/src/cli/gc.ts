/** `shareable gc`. */
import type { Command } from './command.js';
import { uid } from './facts.js';
import type { Line } from './format.js';
import { count, formatBytes } from './format.js';
import type { Sweep } from './helper.js';
import { listSegments, sweepSegments } from './helper.js';

/** Where a program created a segment; null where that is not known, as when both the owner and its tracker were killed. */
interface Placed {
  readonly origin: string | null;
}

/** What no name of a segment can contain, so that `rm` does not take it. */
const CONTROL = /\p{Cc}/u;

const place = ({ origin }: Placed): string => (origin === null ? '' : `  created at ${origin}`);

/** What a sweep removed and what it left. */
interface Outcome {
  /** With the size in bytes, or null for a segment that was created during the sweep. */
  readonly removed: readonly ({ name: string; size: number | null } & Placed)[];
  /** Tracked, but not left behind. */
  readonly kept: readonly (Sweep['kept'][number] & Placed)[];
  /** Created to outlive their creators, or by CPython. Only `rm` removes them. */
  readonly untracked: readonly string[];
}

function* describe({ removed, kept, untracked }: Outcome): Generator<Line> {
  const bytes = removed.reduce((sum, { size }) => sum + (size ?? 0), 0);
  if (removed.length === 0) yield 'Nothing was left behind.';
  else yield `Removed ${count(removed.length, 'segment')} left behind by crashed owners, ${formatBytes(bytes)}:`;
  for (const one of removed) {
    yield `  ${one.name}${one.size === null ? '' : `  ${formatBytes(one.size)}`}${place(one)}`;
  }
  if (kept.length > 0) yield `Left ${count(kept.length, 'segment')}:`;
  for (const one of kept) yield `  ${one.name}  ${one.reason}${place(one)}`;
  const segments = untracked.filter((name) => !CONTROL.test(name));
  if (segments.length > 0) {
    yield `Left ${count(segments.length, 'segment')} not tracked (track: false, or CPython's), for 'shareable rm':`;
  }
  for (const name of segments) yield `  ${name}`;
  const others = untracked.filter((name) => CONTROL.test(name));
  if (others.length > 0) {
    yield `Left ${count(others.length, 'file')} with control characters in the name, for the system's 'rm':`;
  }
  for (const name of others) yield `  ${name}`;
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
    const find = (name: string) => before.find((segment) => segment.name === name);
    const outcome: Outcome = {
      removed: removed.map((name) => {
        const { size = null, origin = null } = find(name) ?? {};
        return { name, size, origin };
      }),
      kept: kept.map(({ name, reason }) => ({ name, reason, origin: find(name)?.origin ?? null })),
      untracked: before.filter((segment) => segment.uid === uid && !segment.isTracked).map(({ name }) => name),
    };
    return { json: () => outcome, lines: () => describe(outcome) };
  },
};
