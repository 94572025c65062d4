import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { SharedMemory } from 'shareable';

import { memoryOf } from '../fixtures/proc.ts';
import { MiB, cpython, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check } from '../harness/timer.ts';

/** The data set. */
export const DATA = 128 * MiB;
const COUNT = DATA / 8;
const reader = fileURLToPath(new URL('../fixtures/memory-reader.ts', import.meta.url));
const flags = { flags: ['--expose-gc'] };

/** Returns the memory of the readers and this process, after each has read the data that `message` brings. */
async function together(readers: number, message: () => object, sum: number): Promise<number> {
  const children = await Promise.all(
    Array.from({ length: readers }, async () => {
      const child = fork(reader, { serialization: 'advanced', execArgv: ['--expose-gc'] });
      await once(child, 'message');
      return child;
    }),
  );
  for (const child of children) {
    child.send(message());
    const [answer] = (await once(child, 'message')) as [number];
    check(answer === sum, 'the sum');
  }
  globalThis.gc?.();
  globalThis.gc?.();
  const pids = [process.pid, ...children.map((child) => child.pid as number)];
  const total = pids.reduce((bytes, pid) => bytes + memoryOf(pid, 'Pss'), 0);
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => once(child, 'exit')));
  return total;
}

export default {
  title: 'memory of a process and N readers of its 128 MiB of data, together',
  unit: 'bytes',
  axis: 'number of readers',
  points: [1, 2, 4, 8],
  quick: [1, 2],
  contenders: {
    shareable: ours(async (readers: number) => {
      using shm = SharedMemory.create(DATA);
      shm.array(Float64Array).fill(0.5);
      return await together(readers, () => ({ shm: shm.name }), COUNT / 2);
    }, flags),
    advanced: node(
      'process.send, advanced',
      (readers: number) => {
        const data = new Float64Array(COUNT).fill(0.5);
        return together(readers, () => ({ data }), COUNT / 2);
      },
      flags,
    ),
    nothing: node('Node without the data', (readers: number) => together(readers, () => ({}), 0), flags),
    cpython: cpython({ title: 'CPython, SharedMemory' }),
    'cpython-pipe': cpython({ title: 'CPython, Pipe' }),
  },
} satisfies Operation;
