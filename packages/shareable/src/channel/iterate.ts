/** Channels as iterables and as Web Streams. None of them starves the event loop. */
import type { Channel } from './channel.js';
import { isTurnDue, takeTurn } from './pace.js';
import type { Wait } from './wait-options.js';

/** What an iterator gives at the end. */
export const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** Every message until the end, blocking. */
export function* iterate<T extends {} | null>(channel: Channel<T>): Generator<T, void, undefined> {
  for (let value = channel.receive(); value !== undefined; value = channel.receive()) yield value;
}

/** Every message until the end. Not a generator, which takes several more turns of the queue of promises for each message. */
export class Messages<T> implements AsyncIterableIterator<T> {
  readonly #receive: () => Promise<IteratorResult<T, undefined>>;
  #isDone = false;

  constructor(receive: () => Promise<IteratorResult<T, undefined>>) {
    this.#receive = receive;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#isDone ? Promise.resolve(DONE) : this.#receive();
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#isDone = true;
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Every message until the end, in batches. */
export async function* iterateBatches<T extends {} | null>(
  channel: Channel<T>,
  max: number,
  wait: Wait | undefined,
): AsyncGenerator<T[], void, undefined> {
  while (true) {
    if (isTurnDue()) await takeTurn();
    const values = await channel.receiveManyAsync(max, wait);
    if (values.length === 0) return;
    yield values;
  }
}

/** A stream of the messages. Cancelling it leaves the channel open. */
export function makeReadable<T extends {} | null>(channel: Channel<T>): ReadableStream<T> {
  const messages = channel[Symbol.asyncIterator]();
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await messages.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    },
    // Nothing is taken from the channel before somebody reads.
    { highWaterMark: 0 },
  );
}

/** A stream into the channel; closing or aborting it ends this producer. */
export function makeWritable<T extends {} | null>(channel: Channel<T>): WritableStream<T> {
  return new WritableStream<T>({
    async write(value) {
      if (isTurnDue()) await takeTurn();
      await channel.sendAsync(value);
    },
    close: () => channel.end(),
    abort: () => channel.end(),
  });
}
