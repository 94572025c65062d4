import { ShareableList } from 'shareable';

import { LENGTHS, QUICK_LENGTHS, makeList } from '../fixtures/lengths.ts';
import { cpython, floor, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'ShareableList.attach(name), read one slot, close',
  unit: 'ns',
  axis: 'length of the list',
  points: LENGTHS,
  quick: QUICK_LENGTHS,
  contenders: {
    shareable: ours((length: number) => {
      using made = makeList(length);
      const { name } = made;
      check(JSON.stringify(made).length < 100, 'the size of the handle');
      return timed(() => {
        using list = ShareableList.attach<number>(name);
        if (list.get(length - 1) !== length - 1) throw new Error('the result is wrong');
      });
    }),
    cpython: cpython(),
    c: floor(),
  },
} satisfies Operation;
