/** A worker fills a million numbers. Its parent reads them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type SharedMemoryHandle, SharedMemory } from 'shareable';

if (process.send === undefined) {
  using shm = SharedMemory.create(8_000_000); // removed at the end of this block
  const worker = fork(import.meta.filename);
  worker.send(shm.toJSON());
  await once(worker, 'exit');
  console.log(shm.array(Float64Array).at(-1)); // 42
} else {
  process.once('message', (handle: SharedMemoryHandle) => {
    using shm = SharedMemory.attach(handle); // the same memory, not a copy
    shm.array(Float64Array).fill(42);
  });
}
