/** Takes the lock again and again, in one way, and counts its turns in a segment, until that says that it is over. */
import type { LockGuard } from 'shareable';
import { Lock, LockTimeoutError, SharedMemory } from 'shareable';

import type { Way } from './overtaking.ts';

const [lockName = '', shmName = '', way = '', hold = '0'] = process.argv.slice(2);
using lock = Lock.attach(lockName);
using shm = SharedMemory.attach(shmName);
using segment = SharedMemory.attach(lockName);
const turns = shm.array(Int32Array, 0, 1);
const isOver = shm.array(Int32Array, 8, 1);

/** Where the lock word is, and what of it names the holder: `crates/core/src/lock`. */
const word = segment.array(Int32Array, 128, 1);
const HOLDER = 0xffff;

function work(): void {
  Atomics.add(turns, 0, 1);
  const end = performance.now() + Number(hold) / 1000;
  while (performance.now() < end) {
    // Busy.
  }
}

function seatOf(guard: LockGuard): number {
  const seat = Atomics.load(word, 0) & HOLDER;
  guard.release();
  return seat;
}

function ofNone(): LockGuard | null {
  try {
    return lock.acquire({ timeout: 0 });
  } catch (error) {
    if (error instanceof LockTimeoutError) return null;
    throw error;
  }
}

const seat = seatOf(lock.acquire());

/** The turns in a row by force, after which a waiter gets the time to wake up. It would wait for ever otherwise. */
const IN_A_ROW = 100;
let left = IN_A_ROW;

function byForce(): void {
  if (left === 0) {
    left = IN_A_ROW;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  const seen = Atomics.load(word, 0);
  if ((seen & HOLDER) !== 0 || Atomics.compareExchange(word, 0, seen, seat) !== seen) return;
  left -= 1;
  work();
  Atomics.and(word, 0, ~HOLDER);
}

function turn(guard: LockGuard | null): void {
  if (guard === null) return;
  work();
  guard.release();
}

const steps: Record<Way, () => unknown> = {
  acquire: () => turn(lock.acquire()),
  tryAcquire: () => turn(lock.tryAcquire()),
  'timeout 0': () => turn(ofNone()),
  acquireAsync: async () => turn(await lock.acquireAsync()),
  'by force': byForce,
};
const step = steps[way as Way];
process.send?.('ready');
while (Atomics.load(isOver, 0) === 0) {
  const result = step();
  if (result instanceof Promise) await result;
}
process.disconnect?.();
