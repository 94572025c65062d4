/**
 * The delay of the event loop while many messages arrive, by each asynchronous way of receiving, and by `process.send`:
 *
 *     node test/verify/channel/delay.ts [--messages 1000000]
 *
 * The monitor's timer is due every millisecond; what it is late is the delay. It fails when messages are missing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { Channel, bytes } from 'shareable';

import { readFlags } from '../faults/support/options.ts';
import { milliseconds, report } from '../faults/support/report.ts';
import type { Row } from '../faults/support/report.ts';

const flags = readFlags('node test/verify/channel/delay.ts [--messages 1000000]', { messages: 1_000_000 });
const sender = fileURLToPath(new URL('delay-peer.ts', import.meta.url));
const failures: string[] = [];

/** Receives messages while a child sends `count` of them. Returns the line of the table. */
async function measure(title: string, count: number, name: string, receive: Receive): Promise<Row> {
  const child = fork(sender, [String(count), name], { serialization: 'advanced' });
  await once(child, 'message');
  const exit = once(child, 'exit');
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  const start = performance.now();
  monitor.enable();
  child.send('go');
  const received = await receive(child);
  monitor.disable();
  const seconds = (performance.now() - start) / 1000;
  child.kill();
  await exit;
  if (received !== count) failures.push(`${title}: ${received} messages of ${count} arrived`);
  const late = (nanoseconds: number) => milliseconds(Math.max(0, nanoseconds / 1e6 - 1));
  return {
    'messages by': title,
    messages: received,
    seconds: milliseconds(seconds),
    'median ms': late(monitor.percentile(50)),
    '99 % ms': late(monitor.percentile(99)),
    '99.9 % ms': late(monitor.percentile(99.9)),
    'longest ms': late(monitor.max),
  };
}

type Receive = (child: ReturnType<typeof fork>) => Promise<number>;

const WAYS: Record<string, (channel: Channel<Uint8Array>) => Promise<number>> = {
  'Channel, for await': async (channel) => {
    let count = 0;
    for await (const message of channel) count += message.length / 64;
    return count;
  },
  'Channel, batches': async (channel) => {
    let count = 0;
    for await (const messages of channel.batches()) count += messages.length;
    return count;
  },
  'Channel, receiveAsync': async (channel) => {
    let count = 0;
    while ((await channel.receiveAsync()) !== undefined) count += 1;
    return count;
  },
};

const rows: Row[] = [];
for (const [title, receive] of Object.entries(WAYS)) {
  using channel = Channel.create<Uint8Array>({ codec: bytes, producers: 1 });
  rows.push(await measure(title, flags.messages, channel.name, () => receive(channel)));
}
// A tenth, because it takes so much longer.
const fewer = Math.ceil(flags.messages / 10);
rows.push(
  await measure('process.send', fewer, '', (child) => {
    let count = 0;
    return new Promise((resolve) => {
      child.on('message', () => {
        count += 1;
        if (count === fewer) resolve(count);
      });
      child.once('exit', () => resolve(count));
    });
  }),
);
report('channel-delay', rows, { messages: flags.messages, rows }, failures);
