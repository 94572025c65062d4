/** Compares this library's tracker with CPython's in one run: the time until it is ready, and its memory. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { findPythons } from '../../support/python.ts';
import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import { helperPath } from './support/programs.ts';
import { milliseconds, percentile, report } from './support/report.ts';

const USAGE = 'node test/verify/faults/helper-start.ts [--count 50] [--ms 10] [--kib 2048]';
/**
 * The limits are for the medians: milliseconds to be ready, and KiB of memory that is its own part of what is resident
 * (Pss). Beside it the whole (Rss), with the pages of the C library that every process here has, is to be at most a fifth of CPython's.
 */
const { count, ms: slowest, kib: largest } = readFlags(USAGE, { count: 50, ms: 10, kib: 2048 });

interface Measurement {
  kind: string;
  ms: number;
  rss: number;
  pss: number;
  private: number;
}

runPrivately();
const python = findPythons().at(-1);
if (python === undefined) throw new Error('there is no CPython here to compare with');
const script = fileURLToPath(new URL('fixtures/trackers.py', import.meta.url));
const output = execFileSync(python.path, [script, helperPath, String(count)], { encoding: 'utf8' });
const measured = output
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Measurement);

const rows = ['shareable', 'CPython'].map((kind) => {
  const own = measured.filter((measurement) => measurement.kind === kind);
  const median = (column: 'ms' | 'rss' | 'pss' | 'private') =>
    percentile(
      own.map((one) => one[column]),
      0.5,
    );
  return {
    tracker: kind === 'CPython' ? `CPython ${python.version}` : kind,
    starts: own.length,
    'ready ms': milliseconds(median('ms')),
    'p99 ms': milliseconds(
      percentile(
        own.map(({ ms }) => ms),
        0.99,
      ),
    ),
    'Rss KiB': median('rss'),
    'Pss KiB': median('pss'),
    'private KiB': median('private'),
  };
});
const [ours, theirs] = rows;
const failures = [];
if (ours === undefined || ours['ready ms'] > slowest)
  failures.push(`ready after ${ours?.['ready ms']} ms, not ${slowest}`);
if (ours === undefined || ours['Pss KiB'] > largest)
  failures.push(`${ours?.['Pss KiB']} KiB of its own, not ${largest}`);
if (ours === undefined || theirs === undefined || ours['Rss KiB'] * 5 > theirs['Rss KiB'])
  failures.push(`${ours?.['Rss KiB']} KiB resident, which is more than a fifth of CPython's ${theirs?.['Rss KiB']}`);
report('helper-start', rows, { trackers: rows }, failures);
