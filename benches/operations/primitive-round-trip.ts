import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Barrier, Condition, Lock, SharedEvent, SharedMemory } from 'shareable';

import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

type Kind = 'event' | 'barrier' | 'condition';
const KINDS: Kind[] = ['event', 'barrier', 'condition'];
const peer = fileURLToPath(new URL('../primitives/peer.ts', import.meta.url));
const TIMES = 100;

/** Measures `act` while another process answers. */
async function withPeer(kind: Kind, names: string[], act: () => void): Promise<number> {
  const child = fork(peer, [kind, ...names]);
  try {
    await once(child, 'message');
    return timed(() => {
      for (let i = 0; i < TIMES; i++) act();
    }, TIMES);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

async function events(): Promise<number> {
  using ping = SharedEvent.create();
  using pong = SharedEvent.create();
  return await withPeer('event', [ping.name, pong.name], () => {
    ping.set();
    check(pong.wait({ timeout: 10_000 }), 'the answer is missing');
    pong.clear();
  });
}

async function meetings(): Promise<number> {
  using barrier = Barrier.create(2);
  return await withPeer('barrier', [barrier.name], () => check(barrier.wait() < 2, 'two parties'));
}

async function turns(): Promise<number> {
  using lock = Lock.create();
  using condition = Condition.create();
  using shm = SharedMemory.create(64);
  const turn = shm.array(Int32Array, 0, 1);
  return await withPeer('condition', [lock.name, condition.name, shm.name], () => {
    using guard = lock.acquire();
    turn[0] = 1;
    condition.notify(guard);
    condition.wait(guard, () => turn[0] === 0);
  });
}

export default {
  title: 'wake another process and wait for its answer',
  unit: 'ns',
  axis: 'primitive',
  points: KINDS,
  quick: KINDS,
  contenders: {
    shareable: ours(async (kind: Kind) => ({ event: events, barrier: meetings, condition: turns })[kind]()),
    cpython: cpython(),
  },
} satisfies Operation;
