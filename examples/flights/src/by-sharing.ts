import { serialize } from 'node:v8';
import { ShareableList, type ShareableListHandle, type SharedMemoryHandle } from 'shareable';
import { sliceOf, type Layout, type Slice } from './columns.ts';
import { slotCount } from './job.ts';
import { measureMemory, type Memory } from './memory.ts';
import { WorkerPool } from './pool.ts';
import { progressBar } from './progress.ts';
import { stopwatch, type Flights, type Run, type RunOptions } from './run.ts';

/** Everything that a worker is told: where the data is, and which rows to read. */
export interface SharingTask {
  readonly index: number;
  readonly segment: SharedMemoryHandle;
  readonly layout: Layout;
  readonly slice: Slice;
  readonly airports: number;
  readonly partials: ShareableListHandle;
  readonly progress: ShareableListHandle;
}

/** Runs the job on shared memory: workers attach to the segment by its handle. */
export async function runBySharing(
  { segment, layout, airports }: Flights,
  { workers, signal }: RunOptions,
): Promise<Run> {
  const lap = stopwatch();
  // Each worker writes to a part of its own, so no lock is needed.
  using partials = ShareableList.create<number>(zeros(workers * slotCount(airports.length)));
  using progress = ShareableList.create<number>(zeros(workers));
  const prepareTime = lap();

  const script = new URL('./worker.ts', import.meta.url);
  await using pool = new WorkerPool('worker', script, workers, signal);
  await pool.ready();
  const startTime = lap();

  const tasks: SharingTask[] = Array.from({ length: workers }, (_, index) => ({
    index,
    segment: segment.toJSON(),
    layout,
    slice: sliceOf(layout.rows, index, workers),
    airports: airports.length,
    partials: partials.toJSON(),
    progress: progress.toJSON(),
  }));
  await pool.ask((index) => tasks[index]);
  const handOverTime = prepareTime + lap();

  const totals = new Float64Array(slotCount(airports.length));
  {
    using _bar = progressBar('Sharing', layout.rows, () => sum(progress));
    await pool.ask(() => 'compute');
    // Add up the partial results, which are stored one after the other.
    for (const [index, partial] of partials.entries()) totals[index % totals.length]! += partial;
  }
  const computeTime = lap();

  // While all workers run, because a page's share depends on how many processes map it.
  const [parentMemory, workerMemory] = await Promise.all([measureMemory(), pool.ask<Memory>(() => 'measure')]);
  await pool.finish();
  const bytesSent = tasks.reduce((bytes, task) => bytes + serialize(task).byteLength, 0);
  return { totals, startTime, handOverTime, computeTime, bytesSent, parentMemory, workerMemory };
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
