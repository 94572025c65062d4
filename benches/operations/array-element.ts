import ndarray from 'ndarray';
import { SharedArray } from 'shareable';

import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

const ROWS = 100;
const COLUMNS = 100;

type Way = 'data[k]' | 'at' | 'set' | 'row';

const numbers = (): Float64Array => Float64Array.from({ length: ROWS * COLUMNS }, (_, i) => i);

/** Does `act` for every element; its results add up to `wanted`. */
function overElements(act: (row: number, column: number) => number, wanted: number): number {
  const all = (): number => {
    let sum = 0;
    for (let i = 0; i < ROWS; i++) for (let j = 0; j < COLUMNS; j++) sum += act(i, j);
    return sum;
  };
  check(all() === wanted, 'the sum of the elements');
  return timed(() => {
    if (all() !== wanted) throw new Error('the sum changed');
  }, ROWS * COLUMNS);
}

const SUM = ((ROWS * COLUMNS - 1) * ROWS * COLUMNS) / 2;

export default {
  title: 'an element of a matrix of 100 by 100 doubles',
  unit: 'ns',
  axis: 'way',
  points: ['data[k]', 'at', 'set', 'row'],
  quick: ['data[k]', 'at', 'set', 'row'],
  contenders: {
    shareable: ours((way: Way) => {
      using array = SharedArray.from(numbers(), [ROWS, COLUMNS]);
      const { data } = array;
      switch (way) {
        case 'data[k]':
          return overElements((i, j) => data[i * COLUMNS + j] as number, SUM);
        case 'at':
          return overElements((i, j) => array.at(i, j), SUM);
        case 'set':
          return overElements((i, j) => (array.set(i, j, 1), 1), ROWS * COLUMNS);
        case 'row':
          // The cost of making a view, for one row.
          return timed(() => void array.row(7));
      }
    }),
    ndarray: node('ndarray', (way: Way) => {
      const array = ndarray(numbers(), [ROWS, COLUMNS]);
      const { data } = array;
      switch (way) {
        case 'data[k]':
          return overElements((i, j) => data[i * COLUMNS + j] as number, SUM);
        case 'at':
          return overElements((i, j) => array.get(i, j), SUM);
        case 'set':
          return overElements((i, j) => (array.set(i, j, 1), 1), ROWS * COLUMNS);
        case 'row':
          return timed(() => void array.pick(7, null));
      }
    }),
  },
} satisfies Operation;
