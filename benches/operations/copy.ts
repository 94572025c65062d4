import { SharedMemory } from 'shareable';

import { PAGE, QUICK_SIZES, SIZES } from '../fixtures/sizes.ts';
import { loadPeer } from '../harness/peers.ts';
import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

/** Copies into bytes whose pages exist already. */
function copyInto(target: Uint8Array, size: number): number {
  const source = new Uint8Array(size).fill(3);
  const act = (): void => target.set(source);
  act();
  for (let at = 0; at < size; at += PAGE) check(target[at] === 3, 'the bytes');
  return timed(act);
}

export default {
  title: 'shm.buf.set(bytes)',
  unit: 'ns',
  axis: 'size in bytes',
  points: SIZES,
  quick: QUICK_SIZES,
  contenders: {
    shareable: ours((size: number) => {
      using shm = SharedMemory.create(size);
      return copyInto(shm.buf, size);
    }),
    cpython: cpython(),
    private: node('JS, memory of its own', (size: number) => copyInto(new Uint8Array(size), size)),
    'shm-typed-array': node(
      'shm-typed-array',
      (size: number) => {
        const peer = loadPeer('shm-typed-array');
        const name = `/bench_peer_${process.pid}`;
        const bytes = peer.create(size, 'Uint8Array', name) as Uint8Array;
        const time = copyInto(bytes, size);
        peer.destroy(name);
        return time;
      },
      { peer: 'shm-typed-array' },
    ),
    c: floor(),
  },
} satisfies Operation;
