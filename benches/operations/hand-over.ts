import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { Channel, bytes, json } from 'shareable';

import { makeNumbers, sample, ways } from '../fixtures/hand-over.ts';
import type { Way, WayName } from '../fixtures/hand-over.ts';
import { GiB, KiB, MiB, cpython, floor, node, ours } from '../harness/operation.ts';
import type { Contender, Operation } from '../harness/operation.ts';
import { check, timedAsync } from '../harness/timer.ts';

const reader = new URL('../fixtures/hand-over-reader.ts', import.meta.url);

/** A reader: how to send to it, and how to end it. */
function start(name: WayName): [send: (message: unknown) => Promise<number>, end: () => Promise<void>] {
  if (name === 'worker') {
    const worker = new Worker(reader, { workerData: name });
    const send = async (message: unknown): Promise<number> => {
      worker.postMessage(message);
      return ((await once(worker, 'message')) as [number])[0];
    };
    return [send, async () => void (await worker.terminate())];
  }
  const child = fork(fileURLToPath(reader), [name], { serialization: name === 'json' ? 'json' : 'advanced' });
  const send = async (message: unknown): Promise<number> => {
    child.send(message as object);
    return ((await once(child, 'message')) as [number])[0];
  };
  return [
    send,
    async () => {
      child.kill();
      await once(child, 'exit');
    },
  ];
}

/** Returns the nanoseconds from ready data to a reader that has read every page of it. */
async function handOver(name: WayName, size: number): Promise<number> {
  const way: Way = ways[name];
  const data = makeNumbers(size / 8);
  const wanted = sample(data);
  const [send, end] = start(name);
  const { message, sent, end: tidyUp } = way.prepare(name.includes('json') ? Array.from(data) : data);
  const time = await timedAsync(async () => {
    check((await send(message())) === wanted, 'the sample');
    sent?.();
  });
  await end();
  tidyUp?.();
  return time;
}

/** As {@link handOver}, by a channel: the data and the answer are messages. */
async function byChannel(size: number): Promise<number> {
  const data = makeNumbers(size / 8);
  const wanted = sample(data);
  using there = Channel.create({ codec: bytes, capacity: Math.max(MiB, Math.min(16 * MiB, 8 * size)) });
  using back = Channel.create({ codec: json<number>() });
  const child = fork(fileURLToPath(reader), ['channel', there.name, back.name, String(size)]);
  await once(child, 'message');
  const message = new Uint8Array(data.buffer);
  const time = await timedAsync(async () => {
    await there.sendAsync(message);
    check((await back.receiveAsync()) === wanted, 'the sample');
  });
  child.kill();
  await once(child, 'exit');
  return time;
}

const by = (title: string, name: WayName, extras: Partial<Contender> = {}): Contender =>
  node(title, (size: number) => handOver(name, size), extras);
const slow = { point: 64 * MiB, because: 'it takes many seconds' };

export default {
  title: 'numbers in one process, read in another',
  unit: 'ns',
  axis: 'size in bytes',
  points: [64, KiB, 16 * KiB, 256 * KiB, 4 * MiB, 64 * MiB, GiB],
  quick: [64, 16 * KiB, 4 * MiB],
  contenders: {
    shareable: { ...ours((size: number) => handOver('copied', size)), title: 'shareable, copied in' },
    'in-place': by('shareable, made in place', 'in-place'),
    channel: node('shareable, by a Channel', byChannel),
    advanced: by('process.send, advanced', 'advanced'),
    json: by('process.send, JSON', 'json', { upTo: slow }),
    worker: by('worker postMessage, copied', 'worker'),
    file: by('a file of bytes', 'file'),
    'file-json': by('a file of JSON', 'file-json', { upTo: slow }),
    cpython: cpython({ title: 'CPython, SharedMemory' }),
    'shm-typed-array': by('shm-typed-array', 'shm-typed-array', { peer: 'shm-typed-array' }),
    'mmap-io': by('@riaskov/mmap-io', 'mmap-io', { peer: '@riaskov/mmap-io' }),
    disruptor: by('shared-memory-disruptor', 'disruptor', {
      peer: 'shared-memory-disruptor',
      upTo: { point: 4 * MiB, because: 'its elements have one size, given when the ring is made' },
    }),
    c: floor(),
  },
} satisfies Operation;
