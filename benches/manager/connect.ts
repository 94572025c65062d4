/**
 * Measures the cost of managers: `node benches/manager/connect.ts [clients] [rounds]`, after a build.
 *
 * - starting a server, until it listens, and ending it;
 * - an honest member's `connect()` alone, and beside silent clients that hold every place for unauthenticated connections;
 * - `sharedMemory(4096)`, made and disposed of: by itself, through a manager of this process, through a server.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { cpus } from 'node:os';

import { SharedMemory, SharedMemoryManager } from 'shareable';

const [clientCount = 300, rounds = 1000] = process.argv.slice(2).map(Number);
const BYTES = 4096;

function show(title: string, times: number[], unit: 'ms' | 'us'): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => {
    const time = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
    return (unit === 'us' ? time * 1000 : time).toFixed(unit === 'us' ? 1 : 3);
  };
  console.log(`${title.padEnd(52)} p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ${unit}  (${times.length})`);
}

async function measure(count: number, act: () => void | Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    const pending = act();
    if (pending !== undefined) await pending;
    times.push(performance.now() - start);
  }
  return times;
}

async function openSilently(address: string): Promise<Socket> {
  const socket = connect(address).on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);

const ends: number[] = [];
const starts = await measure(50, async () => {
  const manager = await SharedMemoryManager.start();
  const start = performance.now();
  manager[Symbol.dispose]();
  ends.push(performance.now() - start);
});
show('start(), and end', starts, 'ms');
show('  of that the end', ends, 'ms');

await using manager = await SharedMemoryManager.start();
const { authkey } = manager;
const address = manager.address ?? '';
const connectOnce = async () => {
  const member = await SharedMemoryManager.connect(address, authkey ?? '');
  member[Symbol.dispose]();
};
await measure(100, connectOnce);
show('connect()', await measure(rounds, connectOnce), 'ms');

// Disconnected clients connect again, so that their number stays the same.
const clients = new Set<Socket>();
const over = new AbortController();
async function keepOneThere(): Promise<void> {
  while (!over.signal.aborted) {
    const socket = await openSilently(address);
    if (over.signal.aborted) return void socket.destroy();
    clients.add(socket);
    await Promise.race([
      new Promise((resolve) => socket.resume().once('close', resolve)),
      new Promise((resolve) => setTimeout(resolve, 500)),
    ]);
    clients.delete(socket);
    socket.destroy();
  }
}
const idle = await Promise.all(Array.from({ length: clientCount }, () => openSilently(address)));
show(`connect() beside ${clientCount} silent clients`, await measure(rounds, connectOnce), 'ms');
for (const socket of idle) socket.destroy();
const keepers = Array.from({ length: clientCount }, keepOneThere);
try {
  show(`connect() beside ${clientCount} that reconnect at once`, await measure(rounds, connectOnce), 'ms');
} finally {
  over.abort();
}
for (const socket of clients) socket.destroy();
await Promise.all(keepers);

using alone = new SharedMemoryManager();
const ways: [title: string, make: () => SharedMemory, isKept: boolean][] = [
  ['SharedMemory.create()', () => SharedMemory.create(BYTES), false],
  ['new SharedMemoryManager().sharedMemory()', () => alone.sharedMemory(BYTES), true],
  ['started.sharedMemory()', () => manager.sharedMemory(BYTES), true],
];
for (const [title, make, isKept] of ways) {
  const act = () => {
    const shm = make();
    if (isKept) shm.unlink();
    shm[Symbol.dispose]();
  };
  await measure(500, act);
  show(`${title}, unlink, close`, await measure(rounds, act), 'us');
}
const made: SharedMemory[] = [];
show('started.sharedMemory() only', await measure(rounds, () => void made.push(manager.sharedMemory(BYTES))), 'us');
show('SharedMemory.create() only', await measure(rounds, () => void made.push(SharedMemory.create(BYTES))), 'us');
for (const shm of made) shm[Symbol.dispose]();
show('list() of as many', await measure(100, () => void manager.list()), 'us');

const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
for (const pid of pids) {
  const role = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1];
  const memory = /^VmRSS:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  console.log(`resident memory of the ${role}: ${memory}`);
}
