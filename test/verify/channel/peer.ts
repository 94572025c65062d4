/**
 * One process of `kills.ts`. It waits for its task, then sends numbered messages, or passes on what it receives, until it is
 * killed or the stream ends.
 */
import { once } from 'node:events';

import { Channel, ProducerDiedError, bytes } from 'shareable';

import { makeMessage, now } from './message.ts';

/** What a process is to do. */
export interface Task {
  /** Consumers receive messages, or read them in place. */
  readonly role: 'produce' | 'receive' | 'read';
  readonly work: string;
  readonly results: string;
  /** The number of the producer. */
  readonly producer: number;
}

// Without its parent there is nobody to kill it.
process.on('disconnect', () => process.exit());
const [task] = (await once(process, 'message')) as [Task];
const source = Channel.attach<Uint8Array>(task.work, { codec: bytes });

if (task.role === 'produce') {
  // The parent ends the stream at the end, which a send tells by an error.
  for (let number = 0; ; number++) {
    const message = makeMessage(task.producer, number, now());
    // In turns, each way of sending.
    if (number % 3 === 0) await source.sendAsync(message);
    else source.send(message);
  }
}

const target = Channel.attach<Uint8Array>(task.results, { codec: bytes });

/** A message, with a byte in front that says whether a consumer had it before. */
function marked(message: Uint8Array, isRedelivered: boolean): Buffer {
  return Buffer.concat([Buffer.of(isRedelivered ? 1 : 0), message]);
}

/** Passes on one message; whether there was one. */
async function pass(): Promise<boolean> {
  if (task.role === 'receive') {
    const message = await source.receiveAsync();
    if (message === undefined) return false;
    await target.sendAsync(marked(message, false));
    return true;
  }
  using message = await source.readAsync();
  if (message === undefined) return false;
  // Consumed when the scope ends: if this process is killed before, another consumer gets it.
  target.send(marked(message.bytes, message.redelivered));
  return true;
}

while (true) {
  try {
    if (!(await pass())) break;
  } catch (error) {
    if (!(error instanceof ProducerDiedError)) throw error;
  }
}
source.close();
target.close();
process.disconnect();
