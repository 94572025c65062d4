/** Which messages have arrived. */
import { CAPACITY, lengthOf } from './message.ts';

/** The messages of one producer. */
interface Seen {
  /** The number after the largest that has arrived. */
  next: number;
  /** Smaller numbers that have not. */
  readonly missing: Set<number>;
}

/** Counts the messages of all producers, and finds those that came twice or never. */
export class Tally {
  messages = 0;
  /** Messages that were marked as redelivered, and those of them that came again. */
  redelivered = 0;
  again = 0;
  readonly #producers = new Map<number, Seen>();

  /** Counts a message. Throws if it came before and is not marked as redelivered. */
  add(producer: number, number: number, isRedelivered: boolean): void {
    let seen = this.#producers.get(producer);
    if (seen === undefined) this.#producers.set(producer, (seen = { next: 0, missing: new Set() }));
    this.messages += 1;
    this.redelivered += Number(isRedelivered);
    // Two consumers pass on what they receive in any order.
    for (; seen.next <= number; seen.next++) seen.missing.add(seen.next);
    if (seen.missing.delete(number)) return;
    if (!isRedelivered) throw new Error(`message ${number} of producer ${producer} came twice`);
    this.again += 1;
  }

  /** Returns the messages that never came although a later one of the same producer did. */
  missing(): { whole: number; fragmented: number } {
    const counts = { whole: 0, fragmented: 0 };
    for (const [producer, { missing }] of this.#producers) {
      for (const number of missing) counts[lengthOf(producer, number) > CAPACITY / 8 ? 'fragmented' : 'whole'] += 1;
    }
    return counts;
  }
}
