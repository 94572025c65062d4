/**
 * What the instances of one semaphore or readers-writer lock in one thread hold together: a thread that waits for what it
 * holds itself, by whichever instance, would wait for ever.
 */
import { gateLayout } from '../native/binding.js';

/** What one instance, or all of one thread, hold of one segment. */
export class Tally {
  /** Permits, or read locks. */
  shared = 0;
  /** Write locks. */
  written = 0;
}

/** By the number of the segment, which no other one has. An instance keeps its own alive. */
const tallies = new Map<string, WeakRef<Tally>>();

const collected = new FinalizationRegistry<string>((identity) => {
  if (tallies.get(identity)?.deref() === undefined) tallies.delete(identity);
});

/** Returns the tally of the segment with these words. */
export function tallyOf(words: Int32Array): Tally {
  const { identity } = gateLayout;
  const key = `${words[identity]} ${words[identity + 1]}`;
  const found = tallies.get(key)?.deref();
  if (found !== undefined) return found;
  const made = new Tally();
  tallies.set(key, new WeakRef(made));
  collected.register(made, key);
  return made;
}
