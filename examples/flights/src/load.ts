import { ShareableList, type ShareableListHandle, type SharedMemory, type SharedMemoryHandle } from 'shareable';
import type { Layout } from './columns.ts';
import { WorkerPool } from './pool.ts';
import { progressBar } from './progress.ts';

export interface LoadTask {
  readonly segment: SharedMemoryHandle;
  readonly layout: Layout;
  readonly progress: ShareableListHandle;
}

/**
 * Fills the segment, and returns the airport codes.
 *
 * Decoding leaves hundreds of megabytes of garbage, which end with the process that decodes. The
 * data stays, because the parent owns the segment.
 */
export async function loadFlights(segment: SharedMemory, layout: Layout, signal: AbortSignal): Promise<string[]> {
  using progress = ShareableList.create<number>([0]);
  const task: LoadTask = { segment: segment.toJSON(), layout, progress: progress.toJSON() };
  const script = new URL('./loader.ts', import.meta.url);
  await using pool = new WorkerPool('loader', script, 1, signal);
  await pool.ready();
  using _bar = progressBar('Decoding', layout.rows, () => progress.get(0));
  const [airports] = await pool.ask<string[]>(() => task);
  await pool.finish();
  return airports ?? [];
}
