/**
 * Two processes each sum half of a list of 2,000 numbers. This is the example in CPython's documentation of
 * `SharedMemoryManager`.
 *
 *     with SharedMemoryManager() as smm:
 *         sl = smm.ShareableList(range(2000))
 *         p1 = Process(target=do_work, args=(sl, 0, 1000))
 *         …
 *     total_result = sum(partial_results)
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { ShareableListHandle } from 'shareable';
import { ShareableList, SharedMemoryManager } from 'shareable';

interface Task {
  list: ShareableListHandle;
  from: number;
  to: number;
}

/** Sums one half and sends the sum. The list itself is in shared memory. */
function work({ list: handle, from, to }: Task): number {
  using list = ShareableList.attach<number>(handle);
  let sum = 0;
  for (let index = from; index < to; index++) sum += list.get(index);
  return sum;
}

/** Runs a task in a process of its own. */
async function delegate(task: Task): Promise<number> {
  const child = fork(import.meta.filename);
  child.send(task);
  const [sum] = (await once(child, 'message')) as [number];
  return sum;
}

if (process.send === undefined) {
  await using manager = await SharedMemoryManager.start();
  const list = manager.shareableList(Array.from({ length: 2000 }, (_, index) => index));
  const sums = await Promise.all([
    delegate({ list: list.toJSON(), from: 0, to: 1000 }),
    delegate({ list: list.toJSON(), from: 1000, to: 2000 }),
  ]);
  console.log(`${sums.join(' + ')} = ${sums.reduce((total, sum) => total + sum, 0)}`);
  // Here the manager unlinks the list.
} else {
  process.once('message', (task) => {
    process.send?.(work(task as Task));
  });
}
