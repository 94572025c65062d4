import type { SharedMemory } from 'shareable';
import type { Columns, Layout } from './columns.ts';
import type { Memory } from './memory.ts';

/** The table in the parent: one segment, and what is needed to read it. */
export interface Flights {
  readonly segment: SharedMemory;
  readonly layout: Layout;
  readonly columns: Columns;
  readonly airports: readonly string[];
}

export interface RunOptions {
  readonly workers: number;
  readonly signal: AbortSignal;
}

/** One run of the job: its result and its cost. Times are in milliseconds. */
export interface Run {
  readonly totals: Float64Array;
  readonly startTime: number;
  readonly handOverTime: number;
  readonly computeTime: number;
  readonly bytesSent: number;
  readonly parentMemory: Memory;
  readonly workerMemory: readonly Memory[];
}

/** Returns a function whose calls return the time since the previous call. */
export function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    return elapsed;
  };
}
