/**
 * Reading and writing a list's slots, beside CPython's ShareableList: nanoseconds an operation and their ratio. Each
 * round is a fresh process, the two interleaved; shown are medians over the rounds.
 *
 *     node benches/list-access.ts [--rounds 7] [--python python3]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ShareableList } from 'shareable';

const LENGTH = 1000;
const OPERATIONS = 3_000_000;
const PYTHON_OPERATIONS = 20_000;

type Timings = Record<string, number>;

function timed(body: (operations: number) => void): number {
  body(OPERATIONS / 10);
  const start = process.hrtime.bigint();
  body(OPERATIONS);
  return Number(process.hrtime.bigint() - start) / OPERATIONS;
}

/** One process's measurements; a function an operation, so that each is compiled for its own types. */
function measure(): Timings {
  using ints = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => i));
  using floats = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => i + 0.5));
  using texts = ShareableList.create(Array.from({ length: LENGTH }, () => 'hello world'));
  let sum = 0;
  const results = {
    'get int': timed((n) => {
      for (let i = 0; i < n; i++) sum += ints.get(i % LENGTH);
    }),
    'set int': timed((n) => {
      for (let i = 0; i < n; i++) ints.set(i % LENGTH, i % LENGTH);
    }),
    'get float': timed((n) => {
      for (let i = 0; i < n; i++) sum += floats.get(i % LENGTH);
    }),
    'set float': timed((n) => {
      for (let i = 0; i < n; i++) floats.set(i % LENGTH, (i % LENGTH) + 0.25);
    }),
    'get 11-byte str': timed((n) => {
      for (let i = 0; i < n; i += 10) sum += texts.get(i % LENGTH).length;
    }) * 10,
    'set 11-byte str': timed((n) => {
      for (let i = 0; i < n; i += 10) texts.set(i % LENGTH, 'hello there');
    }) * 10,
  };
  if (ints.get(-1) !== LENGTH - 1 || floats.get(0) !== 0.25 || texts.get(0) !== 'hello there' || !(sum > 0)) {
    throw new Error('the list does not hold what was written to it');
  }
  return results;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function compare(rounds: number, python: string): void {
  const script = fileURLToPath(new URL('list-access.py', import.meta.url));
  const ours: Timings[] = [];
  const theirs: Timings[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(JSON.parse(execFileSync(process.execPath, [import.meta.filename, '--once'], { encoding: 'utf8' })));
    theirs.push(JSON.parse(execFileSync(python, [script, String(PYTHON_OPERATIONS)], { encoding: 'utf8' })));
  }
  const version = execFileSync(python, ['--version'], { encoding: 'utf8' }).trim();
  const table: Record<string, object> = {};
  for (const operation of Object.keys(ours[0] ?? {})) {
    const mine = median(ours.map((timings) => timings[operation] as number));
    const other = median(theirs.map((timings) => timings[operation] as number));
    table[operation] = {
      'shareable, ns': mine.toFixed(1),
      [`${version}, ns`]: other.toFixed(0),
      ratio: `${(other / mine).toFixed(0)}x`,
    };
  }
  console.log(`Node ${process.version}, medians of ${rounds} interleaved rounds, a process each`);
  console.table(table);
}

const { values } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    python: { type: 'string', default: 'python3' },
  },
});
if (values.once) console.log(JSON.stringify(measure()));
else compare(Number(values.rounds), values.python);
