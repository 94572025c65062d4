import { SharedMemory } from 'shareable';

import { awaitSleep, childrenOf } from '../fixtures/proc.ts';
import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check } from '../harness/timer.ts';

export default {
  title: 'from the first create() to a tracker that listens',
  unit: 'ns',
  axis: '',
  points: ['ready'],
  quick: ['ready'],
  contenders: {
    shareable: ours(() => {
      const start = process.hrtime.bigint();
      using _shm = SharedMemory.create(4096);
      const [helper, ...others] = childrenOf(process.pid);
      check(helper !== undefined && others.length === 0, 'there is no helper');
      return Number(awaitSleep(helper) - start);
    }),
    cpython: cpython(),
  },
} satisfies Operation;
