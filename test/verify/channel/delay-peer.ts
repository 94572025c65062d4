/** Sends messages of 64 bytes when it is told to: the far end of `delay.ts`. */
import { once } from 'node:events';

import { Channel, bytes } from 'shareable';

const [count = '', name = ''] = process.argv.slice(2);
const message = new Uint8Array(64);
process.send?.('ready');
await once(process, 'message');
if (name === '') {
  for (let i = 0; i < Number(count); i++) if (process.send?.(message) !== true) await new Promise(setImmediate);
} else {
  using channel = Channel.attach<Uint8Array>(name, { codec: bytes });
  for (let i = 0; i < Number(count); i++) channel.send(message);
  channel.end();
}
