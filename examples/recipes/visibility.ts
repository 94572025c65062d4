/**
 * What becomes visible, and when. A plain write can be seen by others at once, but nothing orders it before another one. A
 * message of the process (`send`, `postMessage`), a message of a `Channel`, and a lock order all writes before them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { SharedMemoryHandle } from 'shareable';
import { SharedMemory } from 'shareable';

if (process.send === undefined) {
  using shm = SharedMemory.create(64);
  const words = shm.array(Int32Array);
  const child = fork(import.meta.filename);
  child.send(shm.toJSON());
  words[0] = 41; // plain: the flag below orders it
  Atomics.store(words, 1, 1); // a reader that loads 1 from words[1] also sees 41 in words[0]
  await once(child, 'exit');
  console.log(`both processes added: ${Atomics.load(words, 2)}`);
  try {
    Atomics.wait(words, 0, 0, 0);
  } catch (error) {
    console.log(`Atomics.wait: ${(error as Error).name}`); // only a SharedArrayBuffer has a list of waiters
  }
  console.log(`Atomics.notify woke ${Atomics.notify(words, 0)}`); // use Lock.acquire or Channel.receive to wait
} else {
  process.once('message', (handle: SharedMemoryHandle) => {
    using shm = SharedMemory.attach(handle);
    const words = shm.array(Int32Array);
    while (Atomics.load(words, 1) === 0);
    console.log(`sees ${words[0]}`);
    for (let i = 0; i < 1000; i++) Atomics.add(words, 2, 1); // one step for all processes
  });
}
