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

/** A stream of the messages. Cancelling it leaves the channel open, and takes no further message from it. */
export function makeReadable<T extends {} | null>(channel: Channel<T>): ReadableStream<T> {
  const canceller = new AbortController();
  const wait = { signal: canceller.signal };
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const value = await channel.receiveAsync(wait);
        if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => canceller.abort(reason),
    },
    // Nothing is taken from the channel before somebody reads.
    { highWaterMark: 0 },
  );
}

/** A stream into the channel; closing or aborting it ends this producer. A write that waits for room does not delay that. */
export function makeWritable<T extends {} | null>(channel: Channel<T>): WritableStream<T> {
  return new WritableStream<T>({
    async write(value, controller) {
      if (isTurnDue()) await takeTurn();
      // The types of Node do not have it.
      const { signal } = controller as { signal?: AbortSignal };
      await channel.sendAsync(value, { signal });
    },
    close: () => channel.end(),
    abort: () => channel.end(),
  });
}
