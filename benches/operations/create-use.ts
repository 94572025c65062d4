import { SharedMemory } from 'shareable';

import { PAGE, QUICK_SIZES, SIZES } from '../fixtures/sizes.ts';
import { loadPeer } from '../harness/peers.ts';
import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

function touch(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += PAGE) bytes[at] = 1;
}

export default {
  title: 'SharedMemory.create(size), write to each page, close, unlink',
  unit: 'ns',
  axis: 'size in bytes',
  points: SIZES,
  quick: QUICK_SIZES,
  contenders: {
    shareable: ours((size: number) => {
      const act = (): number => {
        using shm = SharedMemory.create(size);
        touch(shm.buf);
        return shm.buf[size - PAGE] ?? 0;
      };
      check(act() === 1, 'the bytes');
      return timed(() => void act());
    }),
    cpython: cpython(),
    'shm-typed-array': node(
      'shm-typed-array',
      (size: number) => {
        const peer = loadPeer('shm-typed-array');
        const name = `/bench_peer_${process.pid}`;
        const act = (): number => {
          const bytes = peer.create(size, 'Uint8Array', name) as Uint8Array;
          touch(bytes);
          const last = bytes[size - PAGE] ?? 0;
          peer.destroy(name);
          return last;
        };
        check(act() === 1, 'the bytes');
        return timed(() => void act());
      },
      { peer: 'shm-typed-array' },
    ),
    c: floor(),
  },
} satisfies Operation;
