import { LENGTHS, QUICK_LENGTHS, makeList } from '../fixtures/lengths.ts';
import { cpython, floor, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

/** The number of places to read, spread over the list. */
const READS = 1000;

export default {
  title: 'list.get(i) of an int',
  unit: 'ns',
  axis: 'length of the list',
  points: LENGTHS,
  quick: QUICK_LENGTHS,
  contenders: {
    shareable: ours((length: number) => {
      using list = makeList(length);
      const step = Math.max(1, Math.floor(length / READS));
      const wanted = ((READS - 1) * step) % length;
      check(list.get(wanted) === wanted && list.get(length - 1) === length - 1, 'a slot');
      return timed(() => {
        let hits = 0;
        let at = 0;
        for (let i = 0; i < READS; i++) {
          if (list.get(at) === wanted) hits++;
          at += step;
          if (at >= length) at -= length;
        }
        if (hits === 0) throw new Error('the value is not there');
      }, READS);
    }),
    cpython: cpython(),
    c: floor(),
  },
} satisfies Operation;
