/**
 * Jobs with leases. Each job has a lock, which is its lease: a worker holds it while it works. When a worker is killed, its
 * lease is free for another one at once, and `recovered` says that the job may be half done.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { LockHandle, ShareableListHandle } from 'shareable';
import { Lock, ShareableList } from 'shareable';

const JOBS = 6;
const [TODO, DONE] = [0, 1];

interface Start {
  states: ShareableListHandle<number>;
  leases: LockHandle[];
  /** The job in which this worker is to be killed. */
  fatal: number;
}

/** Does every job that is not done and that no living worker has. Returns the jobs whose worker had died. */
function work(states: ShareableList<number>, leases: Lock[], fatal: number): number[] {
  const repeated = [];
  for (const [job, lock] of leases.entries()) {
    using lease = lock.tryAcquire();
    if (lease === null || states.get(job) === DONE) continue;
    if (lease.recovered) repeated.push(job); // undo or continue what the other worker began
    if (job === fatal) process.kill(process.pid, 'SIGKILL');
    states.set(job, DONE);
  }
  return repeated;
}

if (process.send === undefined) {
  using stack = new DisposableStack();
  const states = stack.use(ShareableList.create(Array.from({ length: JOBS }, () => TODO)));
  const leases = Array.from({ length: JOBS }, () => stack.use(Lock.create()));
  for (const fatal of [3, -1]) {
    const child = fork(import.meta.filename);
    child.send({ states: states.toJSON(), leases: leases.map((lock) => lock.toJSON()), fatal });
    const [code, signal] = await once(child, 'exit');
    console.log(`worker ended with ${signal ?? code}: ${states.toArray().join(' ')}`);
  }
} else {
  process.once('message', (start: Start) => {
    using stack = new DisposableStack();
    const states = stack.use(ShareableList.attach<number>(start.states));
    const leases = start.leases.map((handle) => stack.use(Lock.attach(handle)));
    console.log(`done again: ${work(states, leases, start.fatal).join(' ')}`);
  });
}
