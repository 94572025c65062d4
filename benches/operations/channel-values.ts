import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Channel } from 'shareable';

import { values } from '../fixtures/channel-values.ts';
import { node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';

const receiver = fileURLToPath(new URL('../fixtures/channel-values.ts', import.meta.url));

/** Messages: some that the engine compiles the code by, and those that count. */
const MANY: [warm: number, measured: number] = [50_000, 150_000];
const FEW: typeof MANY = [5000, 20_000];

async function measure(
  counts: typeof MANY,
  args: string[],
  serialization: 'json' | 'advanced',
  send: (child: ReturnType<typeof fork>, count: number) => unknown,
): Promise<number> {
  const child = fork(receiver, args, { serialization });
  await once(child, 'message');
  let time = 0;
  for (const count of counts) {
    const done = once(child, 'message');
    const begin = performance.now();
    await send(child, count);
    await done;
    time = performance.now() - begin;
  }
  child.kill();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return (time * 1e6) / counts[1];
}

async function byChannel(kind: string): Promise<number> {
  const [codec, value] = values[kind] as (typeof values)[string];
  using channel = Channel.create<string | object>({ codec });
  const time = await measure(MANY, [kind, ...MANY.map(String), channel.name], 'json', (_, count) => {
    for (let i = 0; i < count; i++) channel.send(value);
  });
  return time;
}

async function byProcess(serialization: 'json' | 'advanced', kind: string): Promise<number> {
  const [, value] = values[kind] as (typeof values)[string];
  return measure(FEW, [kind, ...FEW.map(String)], serialization, async (child, count) => {
    for (let i = 0; i < count; i++) if (!child.send(value)) await new Promise(setImmediate);
  });
}

export default {
  title: 'values from one process to another, each',
  unit: 'ns',
  axis: 'codec',
  points: ['text', 'struct', 'json', 'clone'],
  quick: ['struct'],
  contenders: {
    shareable: { ...ours(byChannel), title: 'Channel, receive' },
    advanced: node('process.send, advanced', (kind: string) => byProcess('advanced', kind)),
    json: node('process.send, JSON', (kind: string) => byProcess('json', kind)),
  },
} satisfies Operation;
