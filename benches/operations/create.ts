import { SharedMemory } from 'shareable';

import { QUICK_SIZES, SIZES } from '../fixtures/sizes.ts';
import { loadPeer } from '../harness/peers.ts';
import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

export default {
  title: 'SharedMemory.create(size), close, unlink',
  unit: 'ns',
  axis: 'size in bytes',
  points: SIZES,
  quick: QUICK_SIZES,
  contenders: {
    shareable: ours((size: number) => {
      {
        using shm = SharedMemory.create(size);
        check(shm.size === size && shm.buf.every((byte) => byte === 0), 'the segment');
      }
      return timed(() => {
        using _shm = SharedMemory.create(size);
      });
    }),
    cpython: cpython(),
    'shm-typed-array': node(
      'shm-typed-array',
      (size: number) => {
        const peer = loadPeer('shm-typed-array');
        const name = `/bench_peer_${process.pid}`;
        const act = (): number => {
          const bytes = peer.create(size, 'Uint8Array', name);
          peer.destroy(name);
          return bytes?.length ?? 0;
        };
        check(act() === size, 'the segment');
        return timed(() => void act());
      },
      { peer: 'shm-typed-array' },
    ),
    c: floor(),
    allocating: floor({ title: 'C with posix_fallocate' }),
  },
} satisfies Operation;
