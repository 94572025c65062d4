import { ShareableList } from 'shareable';

import { TEXTS, textOf } from '../fixtures/texts.ts';
import { LENGTH } from '../fixtures/list-values.ts';
import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'list.get(i) of text',
  unit: 'ns',
  axis: 'the text, and its length in UTF-8',
  points: Object.keys(TEXTS),
  quick: ['11 B ASCII', '1.1 KB Chinese'],
  contenders: {
    shareable: ours((kind: string) => {
      const texts = Array.from({ length: LENGTH }, (_, i) => textOf(kind, i));
      const total = texts.join('').length;
      using list = ShareableList.create(texts);
      for (let i = 0; i < LENGTH; i++) check(list.get(i) === texts[i], `slot ${i}`);
      return timed(() => {
        let characters = 0;
        for (let i = 0; i < LENGTH; i++) characters += list.get(i).length;
        if (characters !== total) throw new Error('the text is wrong');
      }, LENGTH);
    }),
    cpython: cpython(),
  },
} satisfies Operation;
