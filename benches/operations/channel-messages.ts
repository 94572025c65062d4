import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { Channel, bytes } from 'shareable';

import type { ChannelWay, ReceiverTask } from '../fixtures/channel-receiver.ts';
import { KiB, MiB, cpython, node, ours } from '../harness/operation.ts';
import type { Contender, Operation } from '../harness/operation.ts';

const receiver = new URL('../fixtures/channel-receiver.ts', import.meta.url);

/** Messages to send through a channel: for a tenth of a second or so. `channel-messages.py` has its own. */
const counts = new Map([
  [1, 500_000],
  [64, 500_000],
  [KiB, 200_000],
  [64 * KiB, 5000],
  [MiB, 300],
  [64 * MiB, 6],
]);
/** The share of them that slower ways send. */
const FEWER = 20;
const BATCH = 256;

function countsOf(size: number, divisor: number): readonly [number, number] {
  const count = Math.max(2, Math.round((counts.get(size) as number) / divisor));
  return [Math.max(1, Math.round(count / 4)), count];
}

/** Sends `count` messages, waits until they have been received, twice; returns the second time, in nanoseconds for each. */
async function measure(
  [warm, count]: readonly [number, number],
  heard: () => Promise<unknown>,
  send: (count: number) => unknown,
): Promise<number> {
  let time = 0;
  for (const some of [warm, count]) {
    const done = heard();
    const begin = performance.now();
    await send(some);
    await done;
    time = performance.now() - begin;
  }
  return (time * 1e6) / count;
}

async function byChannel(way: ChannelWay, size: number): Promise<number> {
  using channel = Channel.create({ codec: bytes, capacity: Math.max(MiB, Math.min(16 * MiB, 8 * size)) });
  const task: ReceiverTask = { way, size, counts: countsOf(size, 1), channel: channel.name };
  const child = fork(fileURLToPath(receiver), [JSON.stringify(task)]);
  await once(child, 'message');
  const message = new Uint8Array(size).fill(1);
  const many = Array.from({ length: BATCH }, () => message);
  const one = (count: number): void => {
    for (let i = 0; i < count; i++) channel.send(message);
  };
  const batches = (count: number): void => {
    for (let sent = 0; sent < count;) {
      const some = channel.trySendMany(count - sent < BATCH ? many.slice(0, count - sent) : many);
      sent += some;
      if (some > 0 || sent === count) continue;
      channel.send(message);
      sent += 1;
    }
  };
  const inPlace = (count: number): void => {
    for (let i = 0; i < count; i++) {
      using room = channel.reserve(size);
      room.bytes.set(message);
      room.commit();
    }
  };
  const send = way === 'batches' ? batches : way === 'in-place' && size > 4 * KiB ? inPlace : one;
  const time = await measure(task.counts, async () => once(child, 'message'), send);
  if (child.exitCode === null) await once(child, 'exit');
  return time;
}

async function byProcess(serialization: 'json' | 'advanced', size: number): Promise<number> {
  const task: ReceiverTask = { way: 'message', size, counts: countsOf(size, FEWER), channel: '' };
  const child = fork(fileURLToPath(receiver), [JSON.stringify(task)], { serialization });
  await once(child, 'message');
  const message = serialization === 'json' ? 'x'.repeat(size) : new Uint8Array(size).fill(1);
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      if (!child.send(message as unknown as object)) await new Promise(setImmediate);
    }
  };
  const time = await measure(task.counts, async () => once(child, 'message'), send);
  child.kill();
  await once(child, 'exit');
  return time;
}

async function byWorker(size: number): Promise<number> {
  const task: ReceiverTask = { way: 'message', size, counts: countsOf(size, FEWER), channel: '' };
  const worker = new Worker(receiver, { workerData: task });
  await once(worker, 'message');
  const message = new Uint8Array(size).fill(1);
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      worker.postMessage(message);
      if (i % 64 === 63) await new Promise(setImmediate);
    }
  };
  const time = await measure(task.counts, async () => once(worker, 'message'), send);
  await worker.terminate();
  return time;
}

/** Bytes without frames: what a protocol of one's own would add to. */
async function byPipe(size: number): Promise<number> {
  const task: ReceiverTask = { way: 'pipe', size, counts: countsOf(size, FEWER), channel: '' };
  const child = fork(fileURLToPath(receiver), [JSON.stringify(task)], { stdio: ['pipe', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  const { stdin } = child;
  if (stdin === null) throw new Error('the receiver has no standard input');
  const message = new Uint8Array(size).fill(1);
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) if (!stdin.write(message)) await once(stdin, 'drain');
  };
  const time = await measure(task.counts, async () => once(child, 'message'), send);
  child.kill();
  await once(child, 'exit');
  return time;
}

const channel = (title: string, way: ChannelWay, extras: Partial<Contender> = {}): Contender =>
  node(title, (size: number) => byChannel(way, size), extras);
const whole = { upTo: { point: MiB, because: 'a longer message comes in fragments' } };

export default {
  title: 'messages from one process to another, each',
  unit: 'ns',
  axis: 'size in bytes',
  points: [1, 64, KiB, 64 * KiB, MiB, 64 * MiB],
  quick: [64, 64 * KiB],
  contenders: {
    shareable: { ...ours((size: number) => byChannel('into', size)), title: 'Channel, receiveInto' },
    receive: channel('Channel, receive', 'receive'),
    batches: channel('Channel, batches', 'batches', whole),
    'in-place': channel('Channel, in place', 'in-place', whole),
    async: channel('Channel, for await', 'async'),
    advanced: node('process.send, advanced', (size: number) => byProcess('advanced', size)),
    json: node('process.send, JSON', (size: number) => byProcess('json', size)),
    worker: node('worker postMessage', byWorker),
    pipe: node('a pipe, no frames', byPipe),
    cpython: cpython({ title: 'CPython, send_bytes' }),
    send: cpython({ title: 'CPython, Pipe.send', only: [64] }),
    queue: cpython({ title: 'CPython, Queue', only: [64] }),
    'simple-queue': cpython({ title: 'CPython, SimpleQueue', only: [64] }),
  },
} satisfies Operation;
