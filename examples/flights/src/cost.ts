/** What the ways of doing it cost, side by side. */
import { bar, heading } from './answer.ts';
import { bytes, megabytes, milliseconds } from './format.ts';
import type { Memory } from './memory.ts';
import type { PythonRun } from './python.ts';
import type { Run } from './run.ts';
import { table } from './table.ts';

export interface Costs {
  readonly sharing: Run & { readonly python: PythonRun | undefined };
  readonly message: Run;
  readonly file: Run;
  /** Milliseconds that one process needs for the computation alone. */
  readonly aloneTime: number;
}

const total = (run: Run): number => run.handOverTime + run.computeTime;

export function describeCosts({ sharing, message, file, aloneTime }: Costs): string {
  const runs = [sharing, message, file];
  return [
    heading('What it cost'),
    timeTable(runs, aloneTime),
    '',
    chart(runs),
    '',
    memoryTable(runs),
    ...(sharing.python === undefined ? [] : ['', describePython(sharing.python)]),
  ].join('\n');
}

const ways = ['shared memory', 'process.send', 'each reads the file'];

function timeTable(runs: Run[], aloneTime: number): string {
  const time = (title: string, of: (run: Run) => number, alone = ''): string[] => [
    title,
    ...runs.map((run) => milliseconds(of(run))),
    alone,
  ];
  return table(
    ['', ...ways, 'one process'],
    [
      ['sent to the workers', ...runs.map((run) => bytes(run.bytesSent)), ''],
      time('until they have the data', (run) => run.handOverTime),
      time('computing', (run) => run.computeTime, milliseconds(aloneTime)),
      time('both together', total, milliseconds(aloneTime)),
      time('(starting the workers)', (run) => run.startTime),
    ],
    'lrrrr',
  );
}

/** The time of each way as a bar. */
function chart(runs: Run[]): string {
  const most = Math.max(...runs.map(total));
  const rows = runs.map((run, way) => [ways[way], milliseconds(total(run)), bar(total(run), most)]);
  return table(['', 'both together', ''], rows, 'lrl');
}

function memoryTable(runs: Run[]): string {
  const row = (title: string, of: (run: Run) => Memory): string[] => [
    title,
    ...runs.flatMap((run) => [megabytes(of(run).peakResident), share(of(run).proportional)]),
  ];
  const workers = (runs[0]?.workerMemory ?? []).map((_, index) =>
    row(`worker ${index + 1}`, (run) => run.workerMemory[index]!),
  );
  return table(
    ['memory', 'shared: peak RSS', 'PSS', 'sent: peak RSS', 'PSS', 'read: peak RSS', 'PSS'],
    [row('parent', (run) => run.parentMemory), ...workers, row('all of them', sum)],
    'lrrrrrr',
  );
}

function describePython({ handOverTime, computeTime, bytesCopied }: PythonRun): string {
  return (
    `A Python worker mapped the same table in ${milliseconds(handOverTime)}, with ${bytes(bytesCopied)} copied, and ` +
    `computed the same totals of all rows in ${milliseconds(computeTime)}.`
  );
}

const share = (value: number | null): string => (value === null ? 'n/a' : megabytes(value));

function sum({ parentMemory, workerMemory }: Run): Memory {
  return workerMemory.reduce(
    (all, memory) => ({
      peakResident: all.peakResident + memory.peakResident,
      proportional:
        all.proportional === null || memory.proportional === null ? null : all.proportional + memory.proportional,
    }),
    parentMemory,
  );
}
