import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Channel, bytes } from 'shareable';

import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { median } from '../harness/timer.ts';

const echo = fileURLToPath(new URL('../fixtures/channel-echo.ts', import.meta.url));

/** Milliseconds between two round trips, and how many there are. */
const paces: Readonly<Record<string, readonly [pause: number, count: number]>> = {
  hot: [0, 4000],
  'every 3 ms': [3, 120],
};
const SIZE = 64;

/** Returns the median time of a round trip, in nanoseconds. The first half is for the engine to compile the code. */
async function measure(pace: string, trip: () => Promise<unknown>): Promise<number> {
  const [pause, count] = paces[pace] as readonly [number, number];
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    if (pause > 0) await after(pause);
    const begin = performance.now();
    await trip();
    times.push((performance.now() - begin) * 1e6);
  }
  return median(times.slice(count / 2));
}

async function byChannel(pace: string): Promise<number> {
  using there = Channel.create({ codec: bytes });
  using back = Channel.create({ codec: bytes });
  const child = fork(echo, [there.name, back.name]);
  await once(child, 'message');
  const message = new Uint8Array(SIZE);
  const time = await measure(pace, async () => {
    await there.sendAsync(message);
    return back.receiveAsync();
  });
  child.kill();
  await once(child, 'exit');
  return time;
}

async function byProcess(serialization: 'json' | 'advanced', pace: string): Promise<number> {
  const child = fork(echo, [], { serialization });
  await once(child, 'message');
  const message = serialization === 'json' ? 'x'.repeat(SIZE) : new Uint8Array(SIZE);
  const time = await measure(pace, async () => {
    const answer = once(child, 'message');
    child.send(message as unknown as object);
    return answer;
  });
  child.kill();
  await once(child, 'exit');
  return time;
}

export default {
  title: 'a message of 64 bytes to another process and back, without blocking',
  unit: 'ns',
  axis: 'pace',
  points: ['hot', 'every 3 ms'],
  quick: ['hot'],
  contenders: {
    shareable: { ...ours(byChannel), title: 'Channel' },
    json: node('process.send, JSON', (pace: string) => byProcess('json', pace)),
    advanced: node('process.send, advanced', (pace: string) => byProcess('advanced', pace)),
  },
} satisfies Operation;
