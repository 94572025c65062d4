/** One process of `kills.ts`: sends numbered messages, or passes on what it receives, until it is killed. */
import { Channel, ProducerDiedError, bytes } from 'shareable';

import { makeMessage } from './message.ts';

const [role, work = '', results = '', name] = process.argv.slice(2);
const source = Channel.attach(work, { codec: bytes });

// Without its parent there is nobody to kill it.
process.on('disconnect', () => process.exit());

if (role === 'produce') {
  const producer = Number(name);
  for (let number = 0; ; number++) {
    const message = makeMessage(producer, number);
    // In turns, each way of sending.
    if (number % 3 === 0) await source.sendAsync(message);
    else source.send(message);
  }
}

const target = Channel.attach(results, { codec: bytes });
while (true) {
  try {
    const message = await source.receiveAsync();
    if (message !== undefined) await target.sendAsync(message);
  } catch (error) {
    if (!(error instanceof ProducerDiedError)) throw error;
  }
}
