import { ShareableList } from 'shareable';

import { LENGTHS, QUICK_LENGTHS, numbers } from '../fixtures/lengths.ts';
import { cpython, floor, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'ShareableList.create(ints), and unlink',
  unit: 'ns',
  axis: 'length of the list',
  points: LENGTHS,
  quick: QUICK_LENGTHS,
  contenders: {
    shareable: ours((length: number) => {
      const values = numbers(length);
      {
        using list = ShareableList.create(values);
        check(list.length === length && list.get(length - 1) === length - 1, 'the list');
      }
      return timed(() => {
        using _list = ShareableList.create(values);
      });
    }),
    cpython: cpython(),
    c: floor(),
  },
} satisfies Operation;
