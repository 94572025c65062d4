import { serialize } from 'node:v8';
import { SharedArray, type SharedArrayHandle } from 'shareable';
import { sliceOf, type FlightsHandle, type Slice } from './columns.ts';
import { slotCount } from './job.ts';
import { measureMemory, type Memory } from './memory.ts';
import { WorkerPool } from './pool.ts';
import { progressBar } from './progress.ts';
import { runInPython, type PythonRun } from './python.ts';
import { stopwatch, type Flights, type Run, type RunOptions } from './run.ts';

/** All that a worker is told: where things are, and which rows are its own. */
export interface SharingTask {
  readonly index: number;
  readonly flights: FlightsHandle;
  readonly slice: Slice;
  readonly partials: SharedArrayHandle<Float64Array>;
  readonly progress: SharedArrayHandle<Int32Array>;
}

/** Runs the job with the data where it is: workers attach to the table by its handle. */
export async function runBySharing(
  { flights, rows, airports }: Flights,
  { workers, signal }: RunOptions,
): Promise<Run & { python: PythonRun | undefined }> {
  const lap = stopwatch();
  // A row per worker, so that nobody has to lock anything. The last row is the Python worker's.
  using partials = SharedArray.create([workers + 1, slotCount(airports.length)], 'float64');
  using progress = SharedArray.create([workers], 'int32');
  const prepareTime = lap();

  const script = new URL('./worker.ts', import.meta.url);
  await using pool = new WorkerPool('worker', script, workers, signal);
  await pool.ready();
  const startTime = lap();

  const tasks: SharingTask[] = Array.from({ length: workers }, (_, index) => ({
    index,
    flights: flights.toJSON(),
    slice: sliceOf(rows, index, workers),
    partials: partials.toJSON(),
    progress: progress.toJSON(),
  }));
  await pool.ask((index) => tasks[index]);
  const handOverTime = prepareTime + lap();

  const totals = new Float64Array(slotCount(airports.length));
  {
    using _bar = progressBar('Sharing', rows, () => progress.data.reduce((sum, done) => sum + done));
    await pool.ask(() => 'compute');
    // Consolidate the partial results of all workers.
    for (let index = 0; index < workers; index++) {
      for (const [slot, partial] of partials.row(index).entries()) totals[slot]! += partial;
    }
  }
  const computeTime = lap();

  // While all of them still run: a page's share depends on how many processes map it.
  const [parentMemory, workerMemory] = await Promise.all([measureMemory(), pool.ask<Memory>(() => 'measure')]);
  const python = await runInPython({ flights, partials, row: workers, airports: airports.length }, signal);
  await pool.finish();
  const bytesSent = tasks.reduce((bytes, task) => bytes + serialize(task).byteLength, 0);
  return { totals, startTime, handOverTime, computeTime, bytesSent, parentMemory, workerMemory, python };
}
