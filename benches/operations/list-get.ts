import { ShareableList } from 'shareable';

import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';
import { LENGTH, TYPES, valueOf } from '../fixtures/list-values.ts';
import type { TypeName } from '../fixtures/list-values.ts';

export default {
  title: 'list.get(i)',
  unit: 'ns',
  axis: 'type of the value',
  points: TYPES,
  quick: TYPES,
  contenders: {
    shareable: ours((type: TypeName) => {
      using list = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => valueOf(type, i)));
      for (let i = 0; i < LENGTH; i++) check(list.get(i) === valueOf(type, i), `slot ${i}`);
      const wanted = valueOf(type, LENGTH - 1);
      return timed(() => {
        // A local variable, because adding to an outer one would cost as much as the read.
        let hits = 0;
        for (let i = 0; i < LENGTH; i++) if (list.get(i) === wanted) hits++;
        if (hits === 0) throw new Error('the value is not there');
      }, LENGTH);
    }),
    cpython: cpython(),
    array: node(
      'JS typed array',
      (type: TypeName) => {
        check(type === 'int' || type === 'float', 'typed arrays hold numbers only');
        const list = Float64Array.from({ length: LENGTH }, (_, i) => valueOf(type, i) as number);
        const wanted = list[LENGTH - 1];
        return timed(() => {
          let hits = 0;
          for (let i = 0; i < LENGTH; i++) if (list[i] === wanted) hits++;
          if (hits === 0) throw new Error('the value is not there');
        }, LENGTH);
      },
      { only: ['int', 'float'] },
    ),
    c: floor(),
  },
} satisfies Operation;
