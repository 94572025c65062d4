/** Another process doubles a typed array in place, in shared memory. No number is sent. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { SharedMemoryHandle } from 'shareable';
import { SharedMemory } from 'shareable';

if (process.send === undefined) {
  const numbers = [1, 1, 2, 3, 5, 8];
  using shm = SharedMemory.create(numbers.length * Float64Array.BYTES_PER_ELEMENT);
  const array = shm.array(Float64Array);
  array.set(numbers);
  const child = fork(import.meta.filename);
  child.send(shm.toJSON());
  await once(child, 'exit');
  console.log(array.join(' '));
} else {
  process.once('message', (handle) => {
    using shm = SharedMemory.attach(handle as SharedMemoryHandle);
    const array = shm.array(Float64Array);
    for (const [index, value] of array.entries()) array[index] = value * 2;
  });
}
