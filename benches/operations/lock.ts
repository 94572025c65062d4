import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Lock, SharedMemory } from 'shareable';

import { cpython, floor, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check } from '../harness/timer.ts';

const MILLISECONDS = 300;
/** Prepares a child before all start. */
const WARM_UP = 20_000;
const child = fileURLToPath(new URL('../lock/increment-child.ts', import.meta.url));

export default {
  title: 'lock, add one, unlock',
  unit: 'ns',
  axis: 'number of processes',
  points: [1, 2, 4],
  quick: [1, 2, 4],
  contenders: {
    shareable: ours(async (count: number) => {
      using lock = Lock.create();
      using shm = SharedMemory.create(64);
      const args = [lock.name, shm.name, String(count), String(MILLISECONDS)];
      const done = await Promise.all(
        Array.from({ length: count }, async () => ((await once(fork(child, args), 'message')) as [number])[0]),
      );
      const sum = done.reduce((total, one) => total + one, 0);
      check(shm.array(Float64Array)[0] === sum, 'increments were lost');
      return (MILLISECONDS * 1e6) / (sum - count * WARM_UP);
    }),
    cpython: cpython(),
    c: floor(),
  },
} satisfies Operation;
