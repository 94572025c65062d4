/**
 * Lock, add one, unlock, in 1, 2 and 4 processes, beside CPython's multiprocessing.Lock: nanoseconds an increment over all
 * processes, medians of interleaved rounds, and how unequally the processes were served.
 *
 *     node benches/lock/increment.ts [--rounds 5] [--ms 500] [--python python3]
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Lock, SharedMemory } from 'shareable';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '500' },
    python: { type: 'string', default: 'python3' },
  },
});
const rounds = Number(options.rounds);

async function here(count: number): Promise<number[]> {
  using lock = Lock.create();
  using shm = SharedMemory.create(64);
  const path = fileURLToPath(new URL('increment-child.ts', import.meta.url));
  const children = Array.from({ length: count }, () => fork(path, [lock.name, shm.name, String(count), options.ms]));
  const done = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0] as number));
  const sum = done.reduce((total, one) => total + one, 0);
  if (shm.array(Float64Array)[0] !== sum) throw new Error('increments were lost');
  // What was done before the start does not count.
  return done.map((one) => one - 20_000);
}

function python(count: number): number[] {
  const script = fileURLToPath(new URL('increment.py', import.meta.url));
  const output = execFileSync(options.python, [script, String(count), String(Number(options.ms) / 1000)]);
  return JSON.parse(output.toString()) as number[];
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

/** Nanoseconds an increment, all processes taken together. */
function cost(done: number[]): number {
  return (Number(options.ms) * 1e6) / done.reduce((total, one) => total + one, 0);
}

process.stdout.write(`${process.version}, medians of ${rounds} rounds of ${options.ms} ms\n`);
for (const count of [1, 2, 4]) {
  const ours: number[][] = [];
  const theirs: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await here(count));
    theirs.push(python(count));
  }
  const [our, their] = [median(ours.map(cost)), median(theirs.map(cost))];
  const spread = (all: number[][]) => median(all.map((done) => Math.max(...done) / Math.min(...done))).toFixed(2);
  process.stdout.write(
    `${count} ${count === 1 ? 'process  ' : 'processes'}: ${our.toFixed(1)} ns, CPython ${their.toFixed(1)} ns: ` +
      `${(their / our).toFixed(1)} times; most served / least served ${spread(ours)}, CPython ${spread(theirs)}\n`,
  );
}
