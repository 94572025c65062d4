/**
 * Sends many small messages through channels whose positions wrap meanwhile, from several producers to several consumers, in
 * every way of sending and receiving, and checks each: none torn, lost, twice, or before an earlier one of its producer.
 *
 *     node test/verify/channel/soak.ts [--messages 1000000000] [--rounds N] [--producers N] [--consumers N]
 *
 * Positions count units of 8 bytes and wrap at 2^32. In every round but the first one, a new channel begins so close to
 * 2^31, where the words become negative for JavaScript, or to 2^32, that it passes this number. The first round has half of
 * the messages and begins at 0: with 10^9 messages it passes both by itself.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Channel, SharedMemory, bytes } from 'shareable';

import { readFlags } from '../faults/support/options.ts';
import { report } from '../faults/support/report.ts';
import type { Counts, Task } from './soak-peer.ts';
import { CAPACITY, unitsOf } from './soak-message.ts';

const flags = readFlags(
  'node test/verify/channel/soak.ts [--messages 1000000] [--rounds N] [--producers N] [--consumers N]',
  {
    messages: 1_000_000,
    rounds: 9,
    producers: 2,
    consumers: 2,
  },
);
/** Milliseconds without any progress that count as a hang. */
const LONGEST = 120_000;
/** The elements of 32 bits in which a channel keeps its positions; see `crates/core/src/layout/channel/mod.rs`. */
const [TAIL, HEAD] = [128 / 4, 192 / 4];
const WRAPS = [2 ** 31, 2 ** 32] as const;

const program = fileURLToPath(new URL('soak-peer.ts', import.meta.url));
const failures: string[] = [];
let total = 0;
let passed = 0;

/** Sets both positions of a channel that has never been used. */
function moveTo(words: Int32Array, position: number): void {
  words[TAIL] = position | 0;
  words[HEAD] = position | 0;
}

/** Fails if a channel makes no progress; returns a function that stops looking. */
function watch(words: Int32Array, children: readonly ChildProcess[]): () => void {
  let [head, since] = [Atomics.load(words, HEAD), performance.now()];
  const timer = setInterval(() => {
    const now = Atomics.load(words, HEAD);
    if (now !== head) [head, since] = [now, performance.now()];
    if (performance.now() - since < LONGEST) return;
    console.error(`no message was received for ${LONGEST / 1000} s at position ${head >>> 0}`);
    for (const child of children) child.kill('SIGKILL');
    process.exit(1);
  }, 1000);
  return () => clearInterval(timer);
}

async function ask(child: ChildProcess, task: Task): Promise<Counts> {
  const over = new AbortController();
  const answer = once(child, 'message', over);
  child.send(task);
  const ended = once(child, 'exit', over).then(([code, signal]) => {
    throw new Error(`a process ended with ${code ?? signal}`);
  });
  try {
    const [counts] = (await Promise.race([answer, ended])) as [Counts];
    return counts;
  } finally {
    // Each round would leave a listener otherwise.
    over.abort();
  }
}

/** Sends `count` messages of each producer from the position `start` on. */
async function runRound(round: number, count: number, start: number): Promise<void> {
  using channel = Channel.create({ codec: bytes, capacity: CAPACITY, producers: flags.producers });
  using outside = SharedMemory.attach(channel.name);
  const words = new Int32Array(outside.buffer, 0, 64);
  moveTo(words, start);
  // One bit for each message.
  using seen = SharedMemory.create(4 * Math.ceil((count * flags.producers) / 32));
  const stop = watch(words, children);
  const task = { channel: channel.name, seen: seen.name, count, round };
  const [counts] = await Promise.all([
    Promise.all(consumers.map((child) => ask(child, { ...task, role: 'consume', producer: -1 }))),
    Promise.all(producers.map((child, producer) => ask(child, { ...task, role: 'produce', producer }))),
  ]);
  stop();
  const all = count * flags.producers;
  const received = counts.reduce((sum, one) => sum + one.messages, 0);
  if (received !== all) failures.push(`round ${round}: ${received} messages of ${all} arrived`);
  const sum = counts.reduce((before, one) => (before + one.sum) >>> 0, 0);
  const expected = Number(((BigInt(all) * BigInt(all - 1)) / 2n) % 2n ** 32n);
  if (sum !== expected) failures.push(`round ${round}: the sum of the numbers is ${sum} and not ${expected}`);
  failures.push(...counts.flatMap(({ errors }) => errors.map((error) => `round ${round}: ${error}`)));
  const end = start + counts.reduce((before, one) => before + one.units, 0);
  for (const wrap of WRAPS) passed += Number(start < wrap && end > wrap);
  // Padding before the end of the ring adds to the units of the messages.
  const distance = ((words[TAIL] as number) - start) >>> 0;
  if (distance < (end - start) % 2 ** 32 && end - start < 2 ** 31)
    failures.push(`round ${round}: the positions are behind`);
  if (round > 0 && end <= (round % 2 === 0 ? WRAPS[1] : WRAPS[0])) failures.push(`round ${round}: no position wrapped`);
  total += received;
}

const producers = Array.from({ length: flags.producers }, () => fork(program));
const consumers = Array.from({ length: flags.consumers }, () => fork(program));
const children = [...producers, ...consumers];
const start = performance.now();
const share = Math.ceil(flags.messages / 2 / flags.producers);
await runRound(0, share, 0);
const count = Math.ceil(share / Math.max(1, flags.rounds - 1));
for (let round = 1; round < flags.rounds; round++) {
  // About a third of the way is before the wrap, at another place in the ring each time.
  const before = Math.floor((count * flags.producers * unitsOf(0, count)) / 3) + round;
  await runRound(round, count, (round % 2 === 0 ? WRAPS[1] : WRAPS[0]) - before);
}
const seconds = (performance.now() - start) / 1000;
for (const child of children) child.disconnect();

const row = {
  messages: total,
  rounds: flags.rounds,
  'wraps passed': passed,
  seconds: Math.round(seconds),
  'messages per second': Math.round(total / seconds),
};
report('channel-soak', [row], row, failures);
