/** A pool of threads by the npm package `piscina`. A task gets handles; its thread attaches, computes in place and closes. */
import { Piscina } from 'piscina';
import type { SharedMemoryHandle } from 'shareable';
import { SharedMemory } from 'shareable';

const ROWS = 8;
const COLUMNS = 10_000;

interface Task {
  matrix: SharedMemoryHandle;
  row: number;
}

/** What the pool runs: piscina calls the default export of the file. */
export default function normalize({ matrix: handle, row }: Task): number {
  using matrix = SharedMemory.attach(handle);
  const values = matrix.array(Float64Array, row * COLUMNS * 8, COLUMNS);
  const largest = values.reduce((a, b) => Math.max(a, b));
  values.forEach((value, i) => (values[i] = value / largest));
  return largest;
}

if (!Piscina.isWorkerThread) {
  using matrix = SharedMemory.create(ROWS * COLUMNS * 8);
  matrix.array(Float64Array).forEach((_, i, all) => (all[i] = i + 1));
  const pool = new Piscina<Task, number>({ filename: import.meta.filename, minThreads: 2, maxThreads: 2 });
  const largest = await Promise.all(
    Array.from({ length: ROWS }, (_, row) => pool.run({ matrix: matrix.toJSON(), row })),
  );
  await pool.destroy();
  const [first, last] = [largest[0], largest.at(-1)];
  console.log(`rows of at most ${first} to ${last}, now all of at most ${Math.max(...matrix.array(Float64Array))}`);
}
