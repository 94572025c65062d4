/** One producer or consumer of `soak.ts`. It does what its parent asks until the parent is gone. */
import { Channel, SharedMemory, bytes } from 'shareable';

import { lengthOf, readMessage, writeMessage } from './soak-message.ts';

/** What to do in one round. */
export interface Task {
  readonly role: 'produce' | 'consume';
  readonly channel: string;
  /** The segment with one bit for each message. */
  readonly seen: string;
  /** The number of messages of each producer. */
  readonly count: number;
  readonly round: number;
  readonly producer: number;
}

/** What a process has received in one round. */
export interface Counts {
  readonly messages: number;
  /** The sum of all numbers, modulo 2^32. */
  readonly sum: number;
  /** The units of 8 bytes of all messages. */
  readonly units: number;
  readonly errors: readonly string[];
}

/** Messages that are sent or received in the same way, one after the other. */
const BLOCK = 256;
const BATCH = 32;
/** Errors that are told. */
const MOST_ERRORS = 5;

function make(id: number): Uint8Array {
  const message = new Uint8Array(lengthOf(id));
  writeMessage(id, message, 0);
  return message;
}

/** The ways of sending, each for the messages from `from` to `to`. */
const SENDING: ((channel: Channel<Uint8Array>, from: number, to: number) => Promise<void> | void)[] = [
  (channel, from, to) => {
    for (let id = from; id < to; id++) channel.send(make(id));
  },
  (channel, from, to) => {
    for (let id = from; id < to; id++) {
      const length = lengthOf(id);
      if (length > channel.capacity / 8) {
        channel.send(make(id));
        continue;
      }
      using room = channel.reserve(length);
      writeMessage(id, room.bytes, 0);
      room.commit();
    }
  },
  async (channel, from, to) => {
    for (let id = from; id < to; id += BATCH) {
      const messages = Array.from({ length: Math.min(BATCH, to - id) }, (_, index) => make(id + index));
      const sent = channel.trySendMany(messages);
      if (sent < messages.length) await channel.sendManyAsync(messages.slice(sent));
    }
  },
  async (channel, from, to) => {
    for (let id = from; id < to; id++) if (!channel.trySend(make(id))) await channel.sendAsync(make(id));
  },
];

async function produce(channel: Channel<Uint8Array>, { count, producer, round }: Task): Promise<void> {
  const first = count * producer;
  for (let from = first, block = round + producer; from < first + count; from += BLOCK, block++) {
    await SENDING[block % SENDING.length]?.(channel, from, Math.min(from + BLOCK, first + count));
  }
  channel.end();
}

type Take = (bytes: Uint8Array, start: number, length: number) => void;

/** The ways of receiving. Each takes some messages, and tells whether the stream has ended. */
const RECEIVING: ((channel: Channel<Uint8Array>, take: Take) => Promise<boolean> | boolean)[] = [
  (channel, take) => {
    for (let i = 0; i < BLOCK; i++) {
      const message = channel.receive();
      if (message === undefined) return true;
      take(message, 0, message.length);
    }
    return false;
  },
  (channel, take) => {
    for (let left = BLOCK; left > 0;) {
      const messages = channel.receiveMany(left);
      if (messages.length === 0) return true;
      for (const message of messages) take(message, 0, message.length);
      left -= messages.length;
    }
    return false;
  },
  (channel, take) => {
    for (let left = BLOCK; left > 0;) {
      const drained = channel.drain(take, left);
      left -= drained;
      if (drained > 0) continue;
      // Nothing is there, or a message in fragments.
      const message = channel.receive();
      if (message === undefined) return true;
      take(message, 0, message.length);
      left -= 1;
    }
    return false;
  },
  (channel, take) => {
    for (let i = 0; i < BLOCK; i++) {
      using message = channel.read();
      if (message === undefined) return true;
      take(message.bytes, 0, message.bytes.length);
    }
    return false;
  },
  async (channel, take) => {
    for (let left = BLOCK; left > 0;) {
      const messages = await channel.receiveManyAsync(left);
      if (messages.length === 0) return true;
      for (const message of messages) take(message, 0, message.length);
      left -= messages.length;
    }
    return false;
  },
  async (channel, take) => {
    for (let i = 0; i < BLOCK; i++) {
      const message = await channel.receiveAsync();
      if (message === undefined) return true;
      take(message, 0, message.length);
    }
    return false;
  },
];

async function consume(channel: Channel<Uint8Array>, { seen, count, round }: Task): Promise<Counts> {
  using memory = SharedMemory.attach(seen);
  const bits = new Int32Array(memory.buffer);
  const errors: string[] = [];
  const fail = (error: string): void => {
    if (errors.length < MOST_ERRORS) errors.push(error);
  };
  const last: number[] = [];
  let [messages, sum, units] = [0, 0, 0];
  const take: Take = (source, start, length) => {
    const id = readMessage(source, start, length);
    const producer = Math.floor(id / count);
    if (id < 0 || id >>> 5 >= bits.length) return fail(`a message of ${length} bytes is torn`);
    if (id <= (last[producer] ?? -1)) fail(`message ${id} came after ${last[producer]}`);
    last[producer] = id;
    const bit = 1 << (id & 31);
    if ((Atomics.or(bits, id >>> 5, bit) & bit) !== 0) fail(`message ${id} came twice`);
    messages += 1;
    sum = (sum + id) >>> 0;
    units += 1 + ((length + 7) >>> 3);
  };
  for (let block = round; ; block++) {
    if ((await RECEIVING[block % RECEIVING.length]?.(channel, take)) !== false) break;
  }
  return { messages, sum, units, errors };
}

async function run(task: Task): Promise<Counts> {
  using channel = Channel.attach<Uint8Array>(task.channel, { codec: bytes });
  if (task.role === 'consume') return await consume(channel, task);
  await produce(channel, task);
  return { messages: 0, sum: 0, units: 0, errors: [] };
}

process.on('message', (task: Task) => void run(task).then((counts) => process.send?.(counts)));
process.on('disconnect', () => process.exit());
