import { SharedArray, type SharedArrayHandle } from 'shareable';
import type { FlightTable, FlightsHandle } from './columns.ts';
import { WorkerPool } from './pool.ts';
import { progressBar } from './progress.ts';

export interface LoadTask {
  readonly flights: FlightsHandle;
  readonly progress: SharedArrayHandle<Int32Array>;
}

/**
 * Fills the table, and returns the airport codes.
 *
 * Decoding leaves hundreds of megabytes of garbage behind. A process that goes when it is done
 * takes them along; what it wrote stays, since the table belongs to the parent.
 */
export async function loadFlights(flights: FlightTable, signal: AbortSignal): Promise<string[]> {
  using progress = SharedArray.create([1], 'int32');
  const task: LoadTask = { flights: flights.toJSON(), progress: progress.toJSON() };
  const script = new URL('./loader.ts', import.meta.url);
  await using pool = new WorkerPool('loader', script, 1, signal);
  await pool.ready();
  using _bar = progressBar('Decoding', flights.table.numRows, () => progress.at(0));
  const [airports] = await pool.ask<string[]>(() => task);
  await pool.finish();
  return airports ?? [];
}
