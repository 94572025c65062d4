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
/** Passes over the list. */
const PASSES = 3000;
const TEXT_PASSES = 300;
const PYTHON_PASSES = 20;

type Timings = Record<string, number>;

/** Nanoseconds an operation, of `pass`, which does one on each slot. */
function timed(passes: number, pass: () => void): number {
  for (let i = 0; i < passes / 10; i++) pass();
  const start = process.hrtime.bigint();
  for (let i = 0; i < passes; i++) pass();
  return Number(process.hrtime.bigint() - start) / (passes * LENGTH);
}

/** One process's measurements; a function an operation, so that each is compiled for its own types. */
function measure(): Timings {
  using ints = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => i));
  using floats = ShareableList.create(Array.from({ length: LENGTH }, (_, i) => i + 0.5));
  using texts = ShareableList.create(Array.from({ length: LENGTH }, () => 'hello world'));
  let sum = 0;
  const results = {
    'get int': timed(PASSES, () => {
      // A variable of the pass's own: adding to an outer one costs as much as the read.
      let total = 0;
      for (let i = 0; i < LENGTH; i++) total += ints.get(i);
      sum += total;
    }),
    'set int': timed(PASSES, () => {
      for (let i = 0; i < LENGTH; i++) ints.set(i, i);
    }),
    'get float': timed(PASSES, () => {
      let total = 0;
      for (let i = 0; i < LENGTH; i++) total += floats.get(i);
      sum += total;
    }),
    'set float': timed(PASSES, () => {
      for (let i = 0; i < LENGTH; i++) floats.set(i, i + 0.25);
    }),
    'get 11-byte str': timed(TEXT_PASSES, () => {
      let total = 0;
      for (let i = 0; i < LENGTH; i++) total += texts.get(i).length;
      sum += total;
    }),
    'set 11-byte str': timed(TEXT_PASSES, () => {
      for (let i = 0; i < LENGTH; i++) texts.set(i, 'hello there');
    }),
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
    theirs.push(JSON.parse(execFileSync(python, [script, String(PYTHON_PASSES)], { encoding: 'utf8' })));
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
