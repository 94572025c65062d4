/**
 * Measures an honest member's `sharedMemory(4096)` beside a member that floods the server with registrations:
 * `node benches/manager/flood.ts [rounds]`, after a build.
 *
 * The flooding member is a process of its own that has the key and sends as fast as the server reads. It repeatedly
 * registers an existing segment, a segment without a size, for which an attach would wait, and a name that does not exist.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';

import { SharedMemoryManager } from 'shareable';

const rounds = Number(process.argv[2] ?? 2000);

function show(title: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(3);
  console.log(`${title.padEnd(52)} p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ms  (${times.length})`);
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);

await using manager = await SharedMemoryManager.start();
const key = Buffer.from(manager.authkey ?? []).toString('hex');

function measure(): number[] {
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const start = performance.now();
    const shm = manager.sharedMemory(4096);
    times.push(performance.now() - start);
    shm.unlink();
    shm[Symbol.dispose]();
  }
  return times;
}

measure();
show('sharedMemory(4096) alone', measure());
using kept = manager.sharedMemory(4096);
for (const what of ['kept', 'empty', 'missing']) {
  const flood = fork(new URL('flooding-member.ts', import.meta.url), [manager.address ?? '', key, what, kept.name]);
  try {
    await once(flood, 'message');
    show(`sharedMemory(4096) beside a flood of ${what} segments`, measure());
    flood.send('end');
    const [answered] = (await once(flood, 'message')) as [number];
    console.log(`  the flooding member was answered ${answered} times meanwhile`);
  } finally {
    flood.kill('SIGKILL');
    await once(flood, 'exit');
  }
}
