/**
 * Ten processes increment five items a hundred times each. First as in CPython's tutorials, under a lock that makes
 * reading, adding and writing one step; then by `add`, which is one step by itself.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { LockHandle, ShareableListHandle } from 'shareable';
import { Lock, ShareableList } from 'shareable';

const PROCESSES = 10;
const TIMES = 100;

interface Task {
  list: ShareableListHandle;
  /** Without one, by `add`. */
  lock?: LockHandle;
}

function incrementUnderLock(list: ShareableList<number>, lock: Lock): void {
  for (let time = 0; time < TIMES; time++) {
    using guard = lock.acquire();
    // The last holder died half way through the list. This program can continue from there.
    if (guard.recovered) console.error('another process died while it held the lock');
    for (const index of list.keys()) list.set(index, list.get(index) + 1);
  }
}

function incrementByAdd(list: ShareableList<number>): void {
  for (let time = 0; time < TIMES; time++) {
    for (const index of list.keys()) list.add(index, 1);
  }
}

async function run(task: Task): Promise<void> {
  await Promise.all(
    Array.from({ length: PROCESSES }, async () => {
      const child = fork(import.meta.filename);
      child.send(task);
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`a process ended with code ${code}`);
    }),
  );
}

if (process.send === undefined) {
  using lock = Lock.create();
  using guarded = ShareableList.create([0, 0, 0, 0, 0]);
  using added = ShareableList.create([0, 0, 0, 0, 0]);
  await run({ list: guarded.toJSON(), lock: lock.toJSON() });
  await run({ list: added.toJSON() });
  console.log(`with a lock: ${guarded.toArray().join(' ')}`);
  console.log(`with add:    ${added.toArray().join(' ')}`);
} else {
  process.once('message', (task: Task) => {
    using list = ShareableList.attach<number>(task.list);
    if (task.lock === undefined) {
      incrementByAdd(list);
    } else {
      using lock = Lock.attach(task.lock);
      incrementUnderLock(list, lock);
    }
  });
}
