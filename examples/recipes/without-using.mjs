/** Without `using`: the syntax needs Node 24 or a compiler, the methods need neither. This runs on Node 20. */
import { Lock, ShareableList, SharedMemory } from 'shareable';

// `finally` where the block ends: closes, and removes the name in the process that created the segment.
const shm = SharedMemory.create(64);
try {
  shm.buf[0] = 42;
  const reader = SharedMemory.attach(shm.name);
  try {
    console.log(reader.buf[0]);
  } finally {
    reader.close();
  }
} finally {
  shm[Symbol.dispose]();
}

// A callback instead of a guard: run() releases the lock when the callback's promise settles.
const lock = Lock.create();
const list = ShareableList.create([0]);
try {
  await Promise.all([1, 2, 3].map((step) => lock.run(async () => list.set(0, list.get(0) + step))));
  console.log(list.get(0));
} finally {
  list[Symbol.dispose]();
  lock[Symbol.dispose]();
}
