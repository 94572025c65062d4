import type { Columns, FlightTable } from './columns.ts';
import type { Memory } from './memory.ts';

/** The table as the parent holds it. */
export interface Flights {
  readonly flights: FlightTable;
  readonly rows: number;
  readonly columns: Columns;
  readonly airports: readonly string[];
}

export interface RunOptions {
  readonly workers: number;
  readonly signal: AbortSignal;
}

/** One run of the job: its result, and what it cost. Times are in milliseconds. */
export interface Run {
  readonly totals: Float64Array;
  readonly startTime: number;
  readonly handOverTime: number;
  readonly computeTime: number;
  readonly bytesSent: number;
  readonly parentMemory: Memory;
  readonly workerMemory: readonly Memory[];
}

/** Every call returns the time since the one before. */
export function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    return elapsed;
  };
}
