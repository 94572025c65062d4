import { tableFromIPC } from 'apache-arrow';
import { attachTable, shareTable } from 'shareable/arrow';

import { makeTable } from '../fixtures/tables.ts';
import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

const ROWS = 3_000_000;

export default {
  title: 'attachTable(name), close, for 3,000,000 rows',
  unit: 'ns',
  axis: 'rows per record batch',
  points: [1024, 65_536, 1_000_000],
  quick: [65_536, 1_000_000],
  contenders: {
    shareable: ours((perBatch: number) => {
      using shared = shareTable(makeTable(ROWS, perBatch));
      const { name } = shared;
      return timed(() => {
        using attached = attachTable(name);
        check(attached.table.numRows === ROWS, 'the rows');
      });
    }),
    ipc: node('tableFromIPC over the same bytes, unchecked', (perBatch: number) => {
      using shared = shareTable(makeTable(ROWS, perBatch));
      const { buf } = shared.shm;
      return timed(() => check(tableFromIPC(buf).numRows === ROWS, 'the rows'));
    }),
  },
} satisfies Operation;
