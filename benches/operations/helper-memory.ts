import { SharedMemory } from 'shareable';

import { awaitSleep, childrenOf, memoryOf } from '../fixtures/proc.ts';
import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check } from '../harness/timer.ts';

export default {
  title: 'resident memory of the tracker',
  unit: 'bytes',
  axis: '',
  points: ['resident'],
  quick: ['resident'],
  contenders: {
    shareable: ours(() => {
      using _shm = SharedMemory.create(4096);
      const [helper] = childrenOf(process.pid);
      check(helper !== undefined, 'there is no helper');
      awaitSleep(helper);
      return memoryOf(helper, 'Rss');
    }),
    cpython: cpython(),
  },
} satisfies Operation;
