import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, rmSync } from 'node:fs';

import { SharedMemory } from 'shareable';

import { QUICK_SIZES, SIZES } from '../fixtures/sizes.ts';
import { loadPeer } from '../harness/peers.ts';
import { cpython, floor, node, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

/** Creates a segment of shm-typed-array in a process that is then killed, because its end would remove the segment. */
function makeElsewhere(name: string, size: number): void {
  const peers = new URL('../harness/peers.ts', import.meta.url);
  const script = `
    const { loadPeer } = await import(${JSON.stringify(peers)});
    loadPeer('shm-typed-array').create(${size}, 'Uint8Array', ${JSON.stringify(name)})[${size - 1}] = 7;
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
  check(signal === 'SIGKILL', 'the segment was not made');
}

export default {
  title: 'SharedMemory.attach(name), close',
  unit: 'ns',
  axis: 'size in bytes',
  points: SIZES,
  quick: QUICK_SIZES,
  contenders: {
    shareable: ours((size: number) => {
      using made = SharedMemory.create(size);
      made.buf[size - 1] = 7;
      const { name } = made;
      {
        using shm = SharedMemory.attach(name);
        check(shm.size === size && shm.buf[size - 1] === 7, 'the bytes');
      }
      return timed(() => {
        using _shm = SharedMemory.attach(name);
      });
    }),
    cpython: cpython(),
    'shm-typed-array': node(
      'shm-typed-array',
      (size: number) => {
        const peer = loadPeer('shm-typed-array');
        // A process that has the segment would get the same object again, so another process creates it.
        const name = `/bench_peer_${process.pid}`;
        makeElsewhere(name, size);
        const act = (): number => {
          const bytes = peer.get(name, 'Uint8Array');
          const last = bytes?.[size - 1] ?? 0;
          peer.detach(name);
          return last;
        };
        check(act() === 7, 'the bytes');
        const time = timed(() => void act());
        rmSync(`/dev/shm${name}`);
        return time;
      },
      { peer: 'shm-typed-array' },
    ),
    'mmap-io': node(
      '@riaskov/mmap-io',
      (size: number) => {
        const peer = loadPeer('@riaskov/mmap-io');
        using made = SharedMemory.create(size);
        made.buf[size - 1] = 7;
        const path = `/dev/shm/${made.name}`;
        // It has no close: the mapping ends when the buffer is collected.
        const act = (): Buffer => {
          const file = openSync(path, 'r+');
          const bytes = peer.map(fstatSync(file).size, peer.PROT_READ | peer.PROT_WRITE, peer.MAP_SHARED, file);
          closeSync(file);
          return bytes;
        };
        check(act()[size - 1] === 7, 'the bytes');
        return timed(() => void act());
      },
      { peer: '@riaskov/mmap-io' },
    ),
    c: floor(),
  },
} satisfies Operation;
