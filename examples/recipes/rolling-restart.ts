/**
 * `node:cluster` with a rolling restart. The primary owns what is shared, so that workers come and go without losing it: a
 * new worker attaches to the same names, and only then an old one ends.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';

import type { ShareableListHandle, SharedMemoryHandle } from 'shareable';
import { ShareableList, SharedMemory } from 'shareable';

const WORKERS = 2;

interface Shared {
  table: SharedMemoryHandle;
  served: ShareableListHandle<number>;
}

/** Starts a worker; resolves when it has attached. */
async function start(shared: Shared) {
  const worker = cluster.fork({ SHARED: JSON.stringify(shared) });
  await once(worker, 'message');
  return worker;
}

if (cluster.isPrimary) {
  using table = SharedMemory.create(8 << 20);
  using served = ShareableList.create([0]);
  table.buf.fill(7); // the expensive part: done once, not in each worker
  const shared = { table: table.toJSON(), served: served.toJSON() };
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => start(shared)));
  for (const [i, old] of workers.entries()) {
    workers[i] = await start(shared);
    old.disconnect();
    await once(old, 'exit');
  }
  console.log(`${served.get(0)} workers have read ${table.size} bytes of ${table.buf[0]}`);
  for (const worker of workers) worker.disconnect();
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
} else {
  const shared = JSON.parse(process.env['SHARED'] ?? '') as Shared;
  const table = SharedMemory.attach(shared.table);
  const served = ShareableList.attach<number>(shared.served);
  if (table.buf.every((byte) => byte === 7)) served.add(0, 1);
  process.send?.('attached');
  process.once('disconnect', () => {
    table.close();
    served.close();
  });
}
