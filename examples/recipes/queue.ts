/**
 * A queue inside one process. `acquireAsync` serves the tasks of a thread in the order in which they asked, and counts other
 * processes in. So one lock protects a file, or an API that allows one call at a time, on the whole machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { Lock, LockTimeoutError } from 'shareable';

using lock = Lock.createOrAttach('recipe-queue');

let running = 0;
const order: number[] = [];

async function task(id: number): Promise<void> {
  using _turn = await lock.acquireAsync();
  running += 1;
  if (running > 1) throw new Error('two tasks at once');
  await sleep(2);
  order.push(id);
  running -= 1;
}

await Promise.all([1, 2, 3, 4, 5].map(task));
console.log(`in order: ${order.join(' ')}`);

// With a limit on the wait, and with a signal, such as that of a request whose client has gone.
using _held = lock.acquire();
try {
  await lock.acquireAsync({ timeout: 5, signal: AbortSignal.timeout(1000) });
} catch (error) {
  if (!(error instanceof LockTimeoutError)) throw error;
  console.log('gave up after 5 ms');
}
