import { serialize } from 'node:v8';
import { sliceOf, type Slice } from './columns.ts';
import { slotCount } from './job.ts';
import { measureMemory, type Memory } from './memory.ts';
import { WorkerPool } from './pool.ts';
import { stopwatch, type Flights, type Run, type RunOptions } from './run.ts';

/** What a worker needs to read its rows of the file by itself. */
export interface FileTask {
  readonly slice: Slice;
  /** The codes that rows get, so that the results of all workers can be added up. */
  readonly airports: readonly string[];
}

/** Runs the job with no data handed over at all: every worker reads the file. */
export async function runByFile({ rows, airports }: Flights, { workers, signal }: RunOptions): Promise<Run> {
  const lap = stopwatch();
  const script = new URL('./file-worker.ts', import.meta.url);
  await using pool = new WorkerPool('file worker', script, workers, signal);
  await pool.ready();
  const startTime = lap();

  const tasks: FileTask[] = Array.from({ length: workers }, (_, index) => ({
    slice: sliceOf(rows, index, workers),
    airports,
  }));
  await pool.ask((index) => tasks[index]);
  const handOverTime = lap();

  const totals = new Float64Array(slotCount(airports.length));
  for (const partial of await pool.ask<Float64Array>(() => 'compute')) {
    for (const [slot, value] of partial.entries()) totals[slot]! += value;
  }
  const computeTime = lap();

  const [parentMemory, workerMemory] = await Promise.all([measureMemory(), pool.ask<Memory>(() => 'measure')]);
  await pool.finish();
  const bytesSent = tasks.reduce((bytes, task) => bytes + serialize(task).byteLength, 0);
  return { totals, startTime, handOverTime, computeTime, bytesSent, parentMemory, workerMemory };
}
