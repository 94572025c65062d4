import { LENGTHS, QUICK_LENGTHS, makeList } from '../fixtures/lengths.ts';
import { cpython, floor, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'list.count(the last value)',
  unit: 'ns',
  axis: 'length of the list',
  points: LENGTHS,
  quick: QUICK_LENGTHS,
  contenders: {
    shareable: ours((length: number) => {
      using list = makeList(length);
      const act = (): number => list.count(length - 1);
      const result = act();
      check(result === 1, 'the result');
      return timed(() => {
        if (act() !== 1) throw new Error('the result is wrong');
      });
    }),
    cpython: cpython(),
    c: floor(),
  },
} satisfies Operation;
