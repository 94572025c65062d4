/** Waiting for another process to say something through shared memory, where there is no event to wait for. */
import { setImmediate as turn } from 'node:timers/promises';

/** Looks again and again until `isTrue`; the test's time-out bounds it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}

/** Calls `step` again and again, once at least, until `work` has come to its end. */
export async function whilePending(work: Promise<unknown>, step: () => void): Promise<void> {
  const state = { isPending: true };
  const end = () => {
    state.isPending = false;
  };
  const watched = work.then(end, end);
  do {
    step();
    await turn();
  } while (state.isPending);
  await watched;
  await work;
}
