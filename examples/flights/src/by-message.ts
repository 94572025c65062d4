import { bytesIn, narrow, sliceOf, type Columns } from './columns.ts';
import { slotCount } from './job.ts';
import { measureMemory, type Memory } from './memory.ts';
import { WorkerPool } from './pool.ts';
import { progressBar } from './progress.ts';
import { stopwatch, type Flights, type Run, type RunOptions } from './run.ts';

/** Everything that a worker needs, by value. */
export interface MessageTask {
  readonly columns: Columns;
  readonly airports: number;
}

/** Runs the same job without shared memory: every worker gets its rows in a message, and sends back its totals. */
export async function runByMessage(
  { columns, airports, rows }: Flights,
  { workers, signal }: RunOptions,
): Promise<Run> {
  const lap = stopwatch();
  const script = new URL('./message-worker.ts', import.meta.url);
  await using pool = new WorkerPool('message worker', script, workers, signal);
  await pool.ready();
  const startTime = lap();

  const tasks: MessageTask[] = Array.from({ length: workers }, (_, index) => ({
    columns: narrow(columns, sliceOf(rows, index, workers)),
    airports: airports.length,
  }));
  await pool.ask((index) => tasks[index]);
  const handOverTime = lap();

  const totals = new Float64Array(slotCount(airports.length));
  {
    using _bar = progressBar('Messages', rows, () => pool.rowsDone.reduce((a, b) => a + b));
    for (const partial of await pool.ask<Float64Array>(() => 'compute')) {
      for (const [slot, value] of partial.entries()) totals[slot]! += value;
    }
  }
  const computeTime = lap();

  const [parentMemory, workerMemory] = await Promise.all([measureMemory(), pool.ask<Memory>(() => 'measure')]);
  await pool.finish();
  const bytesSent = tasks.reduce((bytes, task) => bytes + bytesIn(task.columns), 0);
  return { totals, startTime, handOverTime, computeTime, bytesSent, parentMemory, workerMemory };
}
