/**
 * Kills producers and consumers of one channel at random, again and again, and checks every message: none torn, none
 * twice, none out of order, and none lost but those that a killed consumer had taken.
 *
 *     node test/verify/channel/kills.ts [--kills 10000] [--seed N]
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Channel, ProducerDiedError, bytes } from 'shareable';

import { readFlags } from '../faults/support/options.ts';
import { milliseconds, percentile, report } from '../faults/support/report.ts';
import { checkMessage } from './message.ts';

const flags = readFlags('node test/verify/channel/kills.ts [--kills 100] [--seed N]', {
  kills: 100,
  seed: Date.now() % 1_000_000,
});
const program = fileURLToPath(new URL('peer.ts', import.meta.url));
/** No wait is longer, in milliseconds; one that is counts as a hang. */
const LONGEST = 30_000;

let state = flags.seed + 1;
function random(below: number): number {
  // xorshift: the same kills for the same seed, as far as timing lets them be.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

using work = Channel.create({ codec: bytes, capacity: 65_536 });
using results = Channel.create({ codec: bytes, capacity: 65_536 });
/** The last number of each producer that has arrived here. */
const last = new Map<number, number>();
let producers = 0;

function start(role: 'produce' | 'consume'): ChildProcess {
  producers += 1;
  return fork(program, [role, work.name, results.name, String(producers)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/** Receives one message and checks it; whether it was a message. */
async function receiveOne(): Promise<boolean> {
  try {
    const message = await results.receiveAsync({ timeout: LONGEST });
    if (message === undefined) throw new Error('the stream has ended');
    const { producer, number } = checkMessage(message);
    const before = last.get(producer) ?? -1;
    if (number <= before) throw new Error(`message ${number} of producer ${producer} came after ${before}`);
    last.set(producer, number);
    return true;
  } catch (error) {
    if (error instanceof ProducerDiedError) return false;
    throw error;
  }
}

const times: number[] = [];
let messages = 0;
const children = [start('produce'), start('produce'), start('consume')];
for (let kill = 0; kill < flags.kills; kill++) {
  for (let left = 1 + random(40); left > 0; left--) messages += Number(await receiveOne());
  const index = random(children.length);
  const child = children[index] as ChildProcess;
  child.kill('SIGKILL');
  const exit = once(child, 'exit');
  const killed = performance.now();
  await exit;
  children[index] = start(index === 2 ? 'consume' : 'produce');
  // What waits may have been sent before: the next message of all proves that nobody is stuck.
  while (!(await receiveOne()));
  messages += 1;
  times.push(performance.now() - killed);
}
for (const child of children) child.kill('SIGKILL');
await Promise.all(children.map((child) => once(child, 'exit')));

const [median = 0, late = 0, longest = 0] = [0.5, 0.99, 1].map((share) => milliseconds(percentile(times, share)));
report(
  'channel-kills',
  [{ kills: flags.kills, messages, 'median ms': median, '99 % ms': late, 'longest ms': longest }],
  { seed: flags.seed, kills: flags.kills, messages, median, late, longest },
  [],
);
