import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { tableToIPC } from 'apache-arrow';
import { SharedMemory } from 'shareable';
import { shareTable } from 'shareable/arrow';

import { makeTable, sumOf } from '../fixtures/tables.ts';
import type { TableWay } from '../fixtures/tables.ts';
import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timedAsync } from '../harness/timer.ts';

const reader = fileURLToPath(new URL('../fixtures/table-reader.ts', import.meta.url));

/** Returns the nanoseconds from a table in memory to a process that has added up its column of doubles. */
async function handOver(way: TableWay, rows: number): Promise<number> {
  const table = makeTable(rows);
  const wanted = sumOf(table);
  const child = fork(reader, [way], { serialization: 'advanced' });
  await once(child, 'message');
  const ask = async (message: string | Uint8Array): Promise<void> => {
    child.send(message);
    check(((await once(child, 'message')) as [number])[0] === wanted, 'the sum');
  };
  const time = await timedAsync(async () => {
    if (way === 'shared') {
      using shared = shareTable(table);
      await ask(shared.name);
    } else {
      const bytes = tableToIPC(table, 'stream');
      if (way === 'sent') return ask(bytes);
      using shm = SharedMemory.create(bytes.length);
      shm.buf.set(bytes);
      await ask(shm.name);
    }
  });
  child.kill();
  await once(child, 'exit');
  return time;
}

export default {
  title: 'an Arrow table in one process, added up in another',
  unit: 'ns',
  axis: 'rows, 12 B each',
  points: [1000, 100_000, 3_000_000],
  quick: [1000, 100_000],
  contenders: {
    shareable: { ...ours((rows: number) => handOver('shared', rows)), title: 'shareTable, attachTable' },
    copied: node('tableToIPC, buf.set, tableFromIPC', (rows: number) => handOver('copied', rows)),
    sent: node('tableToIPC, process.send, advanced', (rows: number) => handOver('sent', rows)),
  },
} satisfies Operation;
