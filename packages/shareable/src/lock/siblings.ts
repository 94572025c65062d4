/**
 * What the instances of one lock in one thread know of each other, also those of another copy of this package: a thread that
 * holds a lock must not block on it.
 */
import { channel } from 'node:diagnostics_channel';

import { LockQueue } from './queue.js';

/** The queues of this thread's locks, by their segments. */
const queues = new Map<string, LockQueue>();

/** A question to the other copies of this package in this thread, answered in place. Its form is fixed for all versions. */
interface Question {
  readonly identity: string;
  isHeld: boolean;
}

/** Node keeps one channel of a name for each thread, whatever copies and realms there are. */
const copies = channel('shareable.lock.is-held');

copies.subscribe((message) => {
  const question = message as Question;
  if (queues.get(question.identity)?.isHeld === true) question.isHeld = true;
});

/** The queue of the lock in the segment `identity`. */
export function queueOf(identity: string): LockQueue {
  const queue = queues.get(identity) ?? new LockQueue();
  queues.set(identity, queue);
  return queue;
}

/** Forgets a queue whose last instance is gone. */
export function forgetQueue(identity: string): void {
  queues.delete(identity);
}

/** Whether this thread holds the lock, by an instance of any copy of this package. */
export function isHeldHere(identity: string): boolean {
  const question: Question = { identity, isHeld: false };
  copies.publish(question);
  return question.isHeld;
}
