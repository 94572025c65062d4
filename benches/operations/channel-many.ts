import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Channel, bytes } from 'shareable';

import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';

const peer = fileURLToPath(new URL('../fixtures/channel-crowd.ts', import.meta.url));

/** Messages of each process: some that the engine compiles the code by, and those that count. */
const COUNTS = [20_000, 150_000];

/** Nanoseconds for a message, where two processes send and two receive. */
async function measure(): Promise<number> {
  using channel = Channel.create({ codec: bytes });
  const children = ['produce', 'produce', 'consume', 'consume'].map((role) =>
    fork(peer, [role, channel.name, ...COUNTS.map(String)]),
  );
  const heard = async (): Promise<unknown> => Promise.all(children.map(async (child) => once(child, 'message')));
  await heard();
  let time = 0;
  for (const _ of COUNTS) {
    const done = heard();
    const begin = performance.now();
    for (const child of children) child.send('go');
    await done;
    time = performance.now() - begin;
  }
  await Promise.all(children.map(async (child) => child.exitCode ?? once(child, 'exit')));
  return (time * 1e6) / (2 * (COUNTS[1] as number));
}

export default {
  title: 'messages of 64 bytes from two processes to two others, each',
  unit: 'ns',
  axis: 'producers and consumers',
  points: ['2 and 2'],
  quick: [],
  contenders: {
    shareable: { ...ours(measure), title: 'Channel' },
    cpython: cpython({ title: 'CPython, Queue' }),
    'faster-fifo': cpython({ title: 'faster-fifo', peer: 'faster-fifo' }),
  },
} satisfies Operation;
