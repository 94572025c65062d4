import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { Channel, bytes } from 'shareable';

import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check } from '../harness/timer.ts';

const sender = fileURLToPath(new URL('../fixtures/channel-sender.ts', import.meta.url));
const COUNT = 300_000;

/**
 * Returns a delay of the event loop while messages arrive, in nanoseconds. The monitor's timer is due every millisecond, which
 * does not count.
 */
async function delayWhile(which: string, receive: () => Promise<unknown>): Promise<number> {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  await receive();
  monitor.disable();
  const delay = which === 'longest' ? monitor.max : monitor.percentile(99.9);
  return Math.max(1, delay - 1e6);
}

async function byChannel(which: string): Promise<number> {
  using channel = Channel.create({ codec: bytes, producers: 1 });
  const child = fork(sender, [String(COUNT), channel.name]);
  await once(child, 'message');
  const receive = async (): Promise<void> => {
    let seen = 0;
    for await (const message of channel) seen += message.length;
    check(seen === 64 * COUNT, 'bytes are missing');
  };
  const delay = await delayWhile(which, receive);
  if (child.exitCode === null) await once(child, 'exit');
  return delay;
}

async function byProcess(which: string): Promise<number> {
  const count = COUNT / 10;
  const child = fork(sender, [String(count)], { serialization: 'advanced' });
  await once(child, 'message');
  let seen = 0;
  const delay = await delayWhile(
    which,
    async () =>
      new Promise<void>((resolve) => {
        child.on('message', () => {
          seen += 1;
          if (seen === count) resolve();
        });
        child.send('go');
      }),
  );
  child.kill();
  await once(child, 'exit');
  return delay;
}

export default {
  title: 'delay of the event loop while messages of 64 bytes arrive',
  unit: 'ns',
  axis: 'of all delays',
  points: ['99.9 %', 'longest'],
  quick: [],
  contenders: {
    shareable: { ...ours(byChannel), title: 'Channel, for await' },
    advanced: node('process.send, advanced', byProcess),
  },
} satisfies Operation;
