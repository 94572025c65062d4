/** The goals of the library, as ratios measured in one run. */
import type { Point } from './operation.ts';
import type { Result } from './run.ts';

export interface Goal {
  readonly operation: string;
  readonly point: Point;
  readonly against: string;
  /** The least factor by which we are faster, or smaller. */
  readonly atLeast?: number;
  /** The largest multiple of the other's cost. */
  readonly atMost?: number;
  /** The point of ours to compare with, for how the cost grows. */
  readonly from?: Point;
}

const times = (operation: string, points: Point[], atLeast: number): Goal[] =>
  points.map((point) => ({ operation, point, against: 'cpython', atLeast }));
const ofFloor = (operation: string, point: Point, atMost: number): Goal => ({ operation, point, against: 'c', atMost });

export const GOALS: readonly Goal[] = [
  ...times('list-get', ['int', 'float'], 120),
  ...times('list-get', ['str'], 25),
  ...times('list-set', ['int', 'float'], 200),
  ...times('list-set', ['str'], 40),
  ...times('construct', [1_000_000], 15),
  ...times('to-array', [1_000_000], 50),
  ...times('index-of', [1_000_000], 1000),
  ...times('attach-list', [1_000_000], 10),
  { operation: 'attach-list', point: 10_000_000, against: 'shareable', from: 1000, atMost: 1.5 },
  ...times('lock', [1, 2, 4], 12),
  ...times('create', [4096], 2),
  ofFloor('create', 4096, 1.5),
  ...times('attach', [4096], 2),
  ofFloor('attach', 4096, 1.5),
  ...times('helper-start', ['ready'], 10),
  ...times('helper-memory', ['resident'], 5),
  // At the limit of the memory: as fast as memcpy, within a tenth.
  ofFloor('copy', 1_048_576, 1.1),
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
    const ours = find(results, goal.operation, goal.point, 'shareable');
    const theirs = find(results, goal.operation, goal.from ?? goal.point, goal.against);
    if (ours === undefined || theirs === undefined) return [];
    if (goal.atLeast !== undefined) {
      const { ratio, spread } = compare(ours, theirs);
      return [{ ...goal, ratio, spread, isMet: ratio >= goal.atLeast }];
    }
    const { ratio, spread } = compare(theirs, ours);
    return [{ ...goal, ratio, spread, isMet: ratio <= (goal.atMost ?? 0) }];
  });
}
