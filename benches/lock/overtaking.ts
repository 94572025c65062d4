/**
 * How often a process that sleeps in `acquire()` is overtaken by one that takes the lock again as soon as it has released it, by
 * each way of acquiring: `node benches/lock/overtaking.ts [--seconds 3] [--hold 1000]`.
 *
 * The greedy process counts its turns in a segment; the waiter reads the count when it asks for the lock and when it has got it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Lock, SharedMemory } from 'shareable';

/** The public ways. */
export const WAYS = ['acquire', 'tryAcquire', 'timeout 0', 'acquireAsync'] as const;

/** `by force` ignores who waits; it shows that unfairness would be measured. */
export type Way = (typeof WAYS)[number] | 'by force';

/** In turns, and in milliseconds. */
export interface Overtaking {
  readonly samples: number;
  readonly median: number;
  readonly p99: number;
  readonly most: number;
  readonly longestWait: number;
}

const greedy = fileURLToPath(new URL('greedy.ts', import.meta.url));

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Measures one way for a number of milliseconds; `hold` is the length of a greedy turn in microseconds. */
export async function measureOvertaking(way: Way, milliseconds: number, hold: number): Promise<Overtaking> {
  using lock = Lock.create();
  using shm = SharedMemory.create(64);
  const turns = shm.array(Int32Array, 0, 1);
  const isOver = shm.array(Int32Array, 8, 1);
  const child = fork(greedy, [lock.name, shm.name, way, String(hold)]);
  const ended = once(child, 'exit');
  await once(child, 'message');
  const [idle, overtaken, waits] = [new Int32Array(new SharedArrayBuffer(4)), [] as number[], [] as number[]];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    Atomics.wait(idle, 0, 0, 2);
    const [start, before] = [performance.now(), Atomics.load(turns, 0)];
    const guard = lock.acquire();
    overtaken.push(Atomics.load(turns, 0) - before);
    waits.push(performance.now() - start);
    guard.release();
  }
  Atomics.store(isOver, 0, 1);
  await ended;
  overtaken.sort((a, b) => a - b);
  return {
    samples: overtaken.length,
    median: quantile(overtaken, 0.5),
    p99: quantile(overtaken, 0.99),
    most: overtaken.at(-1) ?? Number.NaN,
    longestWait: Math.max(...waits),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '3' }, hold: { type: 'string', default: '1000' } },
  });
  for (const way of [...WAYS, 'by force'] as const) {
    const { samples, median, p99, most, longestWait } = await measureOvertaking(
      way,
      Number(values.seconds) * 1000,
      Number(values.hold),
    );
    const wait = `longest wait ${longestWait.toFixed(1)} ms`;
    console.log(
      `${way.padEnd(12)} ${samples} waits; turns overtaken: median ${median}, p99 ${p99}, most ${most}; ${wait}`,
    );
  }
}
