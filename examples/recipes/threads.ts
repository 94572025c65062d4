/** Worker threads. A structured clone of a segment is a handle: `workerData` and `postMessage` send a name, not the bytes. */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import type { ShareableListHandle, SharedMemoryHandle } from 'shareable';
import { ShareableList, SharedMemory } from 'shareable';

const THREADS = 2;
const LENGTH = 100_000;

interface Task {
  numbers: SharedMemoryHandle;
  sums: ShareableListHandle<number>;
  id: number;
}

if (isMainThread) {
  using numbers = SharedMemory.create(LENGTH * 8);
  using sums = ShareableList.create(Array.from({ length: THREADS }, () => 0));
  numbers.array(Float64Array).forEach((_, i, all) => (all[i] = i));
  const workers = Array.from({ length: THREADS }, async (_, id) => {
    const worker = new Worker(import.meta.filename, { workerData: { numbers, sums, id } });
    await once(worker, 'exit');
  });
  await Promise.all(workers);
  console.log(sums.toArray().reduce((a, b) => a + b));
} else {
  const { numbers: handle, sums: list, id } = workerData as Task;
  using numbers = SharedMemory.attach(handle);
  using sums = ShareableList.attach<number>(list);
  const share = LENGTH / THREADS;
  const part = numbers.array(Float64Array, id * share * 8, share);
  sums.set(
    id,
    part.reduce((a, b) => a + b),
  );
  parentPort?.close();
}
