import { ShareableList } from 'shareable';

import { LENGTH, TYPES, nextValueOf, valueOf } from '../fixtures/list-values.ts';
import type { TypeName } from '../fixtures/list-values.ts';
import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'list.set(i, value)',
  unit: 'ns',
  axis: 'type of the value',
  points: TYPES,
  quick: TYPES,
  contenders: {
    shareable: ours((type: TypeName) => {
      using list = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => valueOf(type, i)));
      const values = Array.from({ length: LENGTH }, (_, i) => nextValueOf(type, i));
      const write = (): void => {
        for (let i = 0; i < LENGTH; i++) list.set(i, values[i] as never);
      };
      write();
      for (let i = 0; i < LENGTH; i++) check(list.get(i) === values[i], `slot ${i}`);
      return timed(write, LENGTH);
    }),
    cpython: cpython(),
    array: node(
      'JS typed array',
      (type: TypeName) => {
        const list = new Float64Array(LENGTH);
        const values = Array.from({ length: LENGTH }, (_, i) => nextValueOf(type, i) as number);
        const write = (): void => {
          for (let i = 0; i < LENGTH; i++) list[i] = values[i] as number;
        };
        write();
        for (let i = 0; i < LENGTH; i++) check(list[i] === values[i], `element ${i}`);
        return timed(write, LENGTH);
      },
      { only: ['int', 'float'] },
    ),
    c: floor(),
  },
} satisfies Operation;
