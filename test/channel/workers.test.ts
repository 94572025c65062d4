/** Worker threads of one process on one channel. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { Channel, bytes } from 'shareable';
import { expect, test } from 'vitest';

import { pathOfFixture } from '../support/fixtures.ts';

test('worker threads of one process send and receive every message once and in order', async () => {
  const COUNT = 1000;
  using channel = Channel.create<Uint8Array>({ codec: bytes, capacity: 4096, producers: 2 });
  const start = (role: 'send' | 'receive', first = 0): Promise<number[]> => {
    const worker = new Worker(pathOfFixture('channel/worker.mjs'), {
      workerData: { role, name: channel.name, first, count: COUNT },
    });
    return once(worker, 'message').then(([numbers]) => numbers as number[]);
  };
  const [one, other] = await Promise.all([start('receive'), start('receive'), start('send'), start('send', COUNT)]);
  for (const numbers of [one, other]) {
    for (const isOfFirst of [true, false]) {
      const sent = numbers.filter((number) => number < COUNT === isOfFirst);
      expect(sent).toEqual(sent.toSorted((a, b) => a - b));
    }
  }
  expect([...one, ...other].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 2 * COUNT }, (_, index) => index));
});

test('a worker thread that is terminated while it waits leaves the channel to the others', async () => {
  using channel = Channel.create<Uint8Array>({ codec: bytes, capacity: 4096 });
  const worker = new Worker(pathOfFixture('channel/worker.mjs'), {
    workerData: { role: 'receive', name: channel.name, first: 0, count: 0 },
  });
  // The third message is never sent: after two, the worker waits in a blocking call.
  channel.send(Uint8Array.of(0, 0, 0, 0));
  channel.send(Uint8Array.of(0, 0, 0, 1));
  await expect.poll(() => channel.used, { timeout: 30_000 }).toBe(0);
  await worker.terminate();
  channel.send(Uint8Array.of(3));
  expect(channel.receive()).toEqual(Uint8Array.of(3));
});
