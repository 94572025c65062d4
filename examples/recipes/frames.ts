/**
 * A ring of reused frames. One process fills frames, another one uses them in place. Two channels carry only their numbers,
 * so that a frame of any size costs a few hundred nanoseconds to hand over, and memory is allocated once.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { ChannelHandle, SharedMemoryHandle } from 'shareable';
import { Channel, SharedMemory, struct } from 'shareable';

const SIZE = 320 * 240;
const FRAMES = 4;
const TOTAL = 100;
const codec = struct({ frame: 'u32', number: 'u32' });

type Ticket = { frame: number; number: number };

interface Start {
  pixels: SharedMemoryHandle;
  free: ChannelHandle<Ticket>;
  filled: ChannelHandle<Ticket>;
}

const view = (pixels: SharedMemory, frame: number) => pixels.array(Uint8Array, frame * SIZE, SIZE);

if (process.send === undefined) {
  using pixels = SharedMemory.create(FRAMES * SIZE);
  using free = Channel.create({ codec });
  using filled = Channel.create({ codec, producers: 1 });
  for (let frame = 0; frame < FRAMES; frame++) free.send({ frame, number: 0 });
  const child = fork(import.meta.filename);
  child.send({ pixels, free, filled });
  for (let number = 0; number < TOTAL; number++) {
    const ticket = await free.receiveAsync(); // waits until the consumer has given one back
    if (ticket === undefined) break;
    view(pixels, ticket.frame).fill(number % 251);
    await filled.sendAsync({ frame: ticket.frame, number });
  }
  filled.end();
  await once(child, 'exit');
} else {
  process.once('message', async (start: Start) => {
    using pixels = SharedMemory.attach(start.pixels);
    using free = Channel.attach(start.free, { codec });
    using filled = Channel.attach(start.filled, { codec });
    let whole = 0;
    for await (const { frame, number } of filled) {
      if (view(pixels, frame).every((byte) => byte === number % 251)) whole++;
      free.send({ frame, number });
    }
    console.log(`${whole} whole frames through ${FRAMES} buffers`);
  });
}
