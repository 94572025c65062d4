/**
 * Catches performance regressions: `pnpm test:ratios`. It compares instruction counts of the core, and the cost of the fast
 * path as a multiple of a plain read, with `figures.json`. No limit is in seconds. `--update` writes that file.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { ShareableList } from 'shareable';

import { WAYS, measureOvertaking } from '../lock/overtaking.ts';
import { OPERATIONS, build, countOne, key, versions } from './counts.ts';
import { FAST_PATH } from './fast-path.ts';
import { countLook } from './unused.ts';

interface Figures {
  readonly versions: string;
  /** Instructions of one operation. */
  readonly instructions: Record<string, number>;
  /** Multiples of a plain read of a typed array. */
  readonly multiples: Record<string, number>;
}

/** The part by which a count may exceed its figure; more for another compiler, which makes other code. */
const MARGIN = 0.08;
const OTHER_COMPILER_MARGIN = 0.3;
/** The largest multiple of its figure that the fast path may cost. An added call to Rust costs ten times as much. */
const FACTOR = 3;
/**
 * The part by which an operation that must cost the same at any length may cost more at 200 times the length. Counts of one
 * operation differ by up to 7 % from run to run; one instruction a slot would multiply them.
 */
const GROWTH = 0.1;

/** How often a waiter may be overtaken, and how that is measured: milliseconds, and microseconds of one turn. */
const OVERTAKEN = { p99: 4, most: 16 };
const OVERTAKING_TIME = 1000;
const OVERTAKING_HOLD = 2000;

/** Instructions of a look at a diagnostics channel without subscribers; creating a segment takes 10,000. */
const UNUSED = 20;

const execute = promisify(execFile);
const file = new URL('figures.json', import.meta.url);
const { values: options } = parseArgs({ options: { update: { type: 'boolean', default: false } } });
const started = performance.now();
const failures: string[] = [];
let passed = 0;

function judge(isFine: boolean, what: string): void {
  console.log(`${isFine ? 'ok  ' : 'FAIL'} ${what}`);
  if (isFine) passed++;
  else failures.push(what);
}

const share = (value: number): string => `${value > 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
const isOver = (value: number, figure: number, margin: number): boolean => value > figure * (1 + margin);

async function multiple(operation: string, repeats = 1): Promise<number> {
  const script = join(import.meta.dirname, 'fast-path.ts');
  return Number((await execute(process.execPath, [script, operation, String(repeats)], { timeout: 60_000 })).stdout);
}

build();
const instructions: Record<string, number> = {};
// Two at a time, because load does not change counts.
const waiting = [...OPERATIONS];
await Promise.all(
  [0, 1].map(async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      instructions[key(next)] = Math.round(await countOne(next));
    }
  }),
);
const multiples: Record<string, number> = {};
for (const operation of FAST_PATH) multiples[operation] = Number((await multiple(operation)).toFixed(1));

if (options.update) {
  const sorted = Object.fromEntries(OPERATIONS.map((one) => [key(one), instructions[key(one)]]));
  writeFileSync(file, `${JSON.stringify({ versions: versions(), instructions: sorted, multiples }, undefined, 2)}\n`);
  console.log(`wrote ${OPERATIONS.length + FAST_PATH.length} figures`);
  process.exit();
}

const figures = JSON.parse(readFileSync(file, 'utf8')) as Figures;
const isSame = figures.versions === versions();
const margin = isSame ? MARGIN : OTHER_COMPILER_MARGIN;
if (!isSame) console.log(`the figures are of ${figures.versions}; here is ${versions()}: margin ${share(margin)}`);
for (const one of OPERATIONS) {
  const [count = Number.NaN, figure = Number.NaN] = [instructions[key(one)], figures.instructions[key(one)]];
  const hint = count < figure * (1 - margin) ? '; less than it was: pnpm test:ratios --update' : '';
  // A count that is not a number fails too.
  judge(
    !isOver(count, figure, margin) && count > 0,
    `${key(one)}: ${count} instructions, ${share(count / figure - 1)}${hint}`,
  );
}
for (const operation of FAST_PATH) {
  const [now = Number.NaN, figure = Number.NaN] = [multiples[operation], figures.multiples[operation]];
  judge(
    now <= figure * FACTOR,
    `${operation}: ${now} times a plain read; it was ${figure}, and may be ${FACTOR} times that`,
  );
}

const [short = Number.NaN, long = Number.NaN] = [instructions['attach_list 5000'], instructions['attach_list 1000000']];
judge(long / short - 1 < GROWTH, `attaching to 10^6 slots costs what 5000 cost: ${share(long / short - 1)}`);
const handles = [10, 100_000].map((length) => {
  using list = ShareableList.create(Array.from({ length }, () => 0));
  return JSON.stringify(list).length;
});
judge(handles[0] === handles[1], `a handle has ${handles[0]} characters at any length`);

// Fairness: turns are counted, not time, and a waiter that the machine does not let run counts as waiting.
for (const way of WAYS) {
  const { p99, most } = await measureOvertaking(way, OVERTAKING_TIME, OVERTAKING_HOLD);
  judge(
    p99 <= OVERTAKEN.p99 && most <= OVERTAKEN.most,
    `a waiter is overtaken by ${way}: p99 ${p99} (at most ${OVERTAKEN.p99}), most ${most} (at most ${OVERTAKEN.most}) turns`,
  );
}
const forced = await measureOvertaking('by force', OVERTAKING_TIME, OVERTAKING_HOLD);
judge(
  forced.p99 > OVERTAKEN.p99,
  `a waiter that is overtaken without bounds would be noticed: p99 ${forced.p99} turns`,
);

const look = await countLook();
judge(
  look.unused <= UNUSED,
  `a diagnostics channel without subscribers costs ${look.unused.toFixed(1)} instructions (at most ${UNUSED})`,
);
judge(look.used > UNUSED, `a message that is published would be noticed: ${look.used.toFixed(0)} instructions`);

// The guard itself: it has to notice what is done twice, and a fast path that has become slow.
const [first] = OPERATIONS;
if (first !== undefined) {
  const doubled = 2 * (await countOne(first));
  const figure = figures.instructions[key(first)] ?? Number.NaN;
  judge(isOver(doubled, figure, margin), `${key(first)} done twice would be noticed`);
}
const [path = ''] = FAST_PATH;
const slow = await multiple(path, 2 * FACTOR);
judge(slow > (figures.multiples[path] ?? Number.NaN) * FACTOR, `${path} done ${2 * FACTOR} times would be noticed`);

console.log(
  `test result: ${passed} passed; ${failures.length} failed; ${Math.round((performance.now() - started) / 1000)} s`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
