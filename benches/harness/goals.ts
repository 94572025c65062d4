/** The goals of the library, as ratios measured in one run. */
import { KiB, MiB } from './operation.ts';
import type { Point } from './operation.ts';
import type { Result } from './run.ts';

export interface Goal {
  readonly operation: string;
  readonly point: Point;
  /** Our contender. Default: the operation's first. */
  readonly ours?: string;
  readonly against: string;
  /** The least factor by which we are faster, or smaller. */
  readonly atLeast?: number;
  /** The largest multiple of the other's cost. */
  readonly atMost?: number;
  /** The largest cost, in the operation's unit, whatever the other's is. */
  readonly below?: number;
  /** The point of ours to compare with, for how the cost grows. */
  readonly from?: Point;
}

const times = (operation: string, points: Point[], atLeast: number): Goal[] =>
  points.map((point) => ({ operation, point, against: 'cpython', atLeast }));
const message = (point: number, ours: string, atLeast: Readonly<Record<string, number>>): Goal[] =>
  Object.entries(atLeast).map(([against, factor]) => ({
    operation: 'channel-messages',
    point,
    ours,
    against,
    atLeast: factor,
  }));
const against = (operation: string, point: Point, other: string, atLeast: number): Goal => ({
  operation,
  point,
  against: other,
  atLeast,
});
const ofFloor = (operation: string, point: Point, atMost: number): Goal => ({ operation, point, against: 'c', atMost });

export const GOALS: readonly Goal[] = [
  ...times('list-get', ['int', 'float'], 120),
  ...times('list-get', ['str'], 30),
  ...times('list-get-text', ['11 B ASCII'], 30),
  ...times('list-get-text', ['24 B ASCII', '100 B ASCII'], 8),
  ...times('list-get-text', ['1 KiB ASCII'], 3),
  // Never slower, whatever the length and the script.
  ...times('list-get-text', ['110 B Latin', '1.1 KB Latin', '111 B Chinese', '1.1 KB Chinese'], 1),
  ...times('list-set', ['int', 'float'], 200),
  ...times('list-set', ['str'], 40),
  ...times('construct', [1_000_000], 15),
  ...times('to-array', [1_000_000], 50),
  ...times('index-of', [1_000_000], 1000),
  ...times('attach-list', [1_000_000], 10),
  { operation: 'attach-list', point: 10_000_000, against: 'shareable', from: 1000, atMost: 1.5 },
  ...times('lock', [1], 13),
  ...times('lock', [2], 15),
  ...times('lock', [4], 14),
  ...times('create', [4096], 2),
  ofFloor('create', 4096, 1.5),
  ofFloor('create-use', 4096, 1.5),
  ...times('attach', [4096], 2),
  ofFloor('attach', 4096, 1.15),
  ...times('helper-start', ['ready'], 10),
  ...times('helper-memory', ['resident'], 5),
  // At the limit of the memory: as fast as memcpy, within a tenth.
  ofFloor('copy', 1_048_576, 1.1),
  ...message(64, 'receive', { json: 20, advanced: 35, queue: 40, 'simple-queue': 25, send: 20, cpython: 12 }),
  ...message(64, 'batches', { cpython: 20 }),
  ...message(64 * KiB, 'shareable', { advanced: 12, cpython: 5 }),
  ...message(MiB, 'shareable', { advanced: 40 }),
  ...message(MiB, 'receive', { advanced: 4 }),
  ...message(64 * MiB, 'shareable', { advanced: 12 }),
  against('channel-values', 'text', 'json', 20),
  against('channel-values', 'text', 'advanced', 35),
  against('channel-values', 'struct', 'json', 15),
  against('channel-values', 'json', 'json', 2.5),
  against('channel-values', 'clone', 'advanced', 1),
  against('channel-round-trip', 'hot', 'json', 15),
  against('channel-round-trip', 'every 3 ms', 'json', 1.7),
  against('channel-many', '2 and 2', 'cpython', 15),
  against('channel-many', '2 and 2', 'faster-fifo', 12),
  { operation: 'channel-delay', point: 'longest', against: 'advanced', below: 5e6 },
];

export interface Verdict extends Goal {
  readonly ratio: number;
  /** The least and the largest ratio of single rounds. */
  readonly spread: readonly [number, number];
  readonly isMet: boolean;
}

function find(results: readonly Result[], operation: string, point: Point, contender: string): Result | undefined {
  return results.find((one) => one.operation === operation && one.point === point && one.contender === contender);
}

/** Returns their cost divided by ours, for rounds that ran side by side. */
export function compare(ours: Result, theirs: Result): { ratio: number; spread: [number, number] } {
  const pairs = theirs.rounds
    .slice(0, ours.rounds.length)
    .map((value, round) => value / (ours.rounds[round] ?? Number.NaN));
  return { ratio: theirs.median / ours.median, spread: [Math.min(...pairs), Math.max(...pairs)] };
}

/** Compares the results with the goals, without goals whose points were not measured. */
export function judge(results: readonly Result[]): Verdict[] {
  return GOALS.flatMap((goal) => {
    const ours = find(results, goal.operation, goal.point, goal.ours ?? 'shareable');
    const theirs = find(results, goal.operation, goal.from ?? goal.point, goal.against);
    if (ours === undefined || theirs === undefined) return [];
    if (goal.below !== undefined) {
      return [{ ...goal, ...compare(ours, theirs), isMet: ours.median <= goal.below }];
    }
    if (goal.atLeast !== undefined) {
      const { ratio, spread } = compare(ours, theirs);
      return [{ ...goal, ratio, spread, isMet: ratio >= goal.atLeast }];
    }
    const { ratio, spread } = compare(theirs, ours);
    return [{ ...goal, ratio, spread, isMet: ratio <= (goal.atMost ?? 0) }];
  });
}
