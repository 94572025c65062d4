/** Locks, adds one and unlocks for a number of milliseconds. Several of these run at once. */
import { Lock, SharedMemory } from 'shareable';

const [lockName = '', shmName = '', count = '1', milliseconds = '0'] = process.argv.slice(2);
using lock = Lock.attach(lockName);
using shm = SharedMemory.attach(shmName);
const value = shm.array(Float64Array, 0, 1);
const arrived = shm.array(Int32Array, 8, 1);

function work(times: number): void {
  for (let time = 0; time < times; time++) {
    const guard = lock.acquire();
    value[0] = (value[0] ?? 0) + 1;
    guard.release();
  }
}

work(20_000);
Atomics.add(arrived, 0, 1);
while (Atomics.load(arrived, 0) < Number(count)) {
  // All start at once.
}
const end = performance.now() + Number(milliseconds);
let done = 20_000;
for (; performance.now() < end; done += 64) work(64);
process.send?.(done);
process.disconnect?.();
