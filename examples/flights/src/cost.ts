/** Prints the cost of both ways side by side. */
import { heading } from './answer.ts';
import { bytes, megabytes, milliseconds } from './format.ts';
import type { Memory } from './memory.ts';
import type { Run } from './run.ts';
import { table } from './table.ts';

export interface Costs {
  readonly sharing: Run;
  readonly message: Run;
  /** Milliseconds that one process needs for the computation alone. */
  readonly aloneTime: number;
}

export function describeCosts({ sharing, message, aloneTime }: Costs): string {
  const times = timeTable(sharing, message, aloneTime);
  return [heading('What it cost'), times, '', memoryTable(sharing, message)].join('\n');
}

function timeTable(sharing: Run, message: Run, aloneTime: number): string {
  const total = (run: Run): number => run.handOverTime + run.computeTime;
  const time = (title: string, of: (run: Run) => number, alone = ''): string[] => [
    title,
    milliseconds(of(sharing)),
    milliseconds(of(message)),
    alone,
  ];
  return table(
    ['', 'shared memory', 'process.send', 'one process'],
    [
      ['copied to the workers', bytes(sharing.bytesSent), bytes(message.bytesSent), ''],
      time('handing the data over', (run) => run.handOverTime),
      time('computing', (run) => run.computeTime, milliseconds(aloneTime)),
      time('both together', total, milliseconds(aloneTime)),
      time('(starting the workers)', (run) => run.startTime),
    ],
    'lrrr',
  );
}

function memoryTable(sharing: Run, message: Run): string {
  const row = (title: string, shared: Memory, sent: Memory): string[] => [
    title,
    megabytes(shared.peakResident),
    share(shared.proportional),
    megabytes(sent.peakResident),
    share(sent.proportional),
  ];
  const workers = sharing.workerMemory.map((memory, index) =>
    row(`worker ${index + 1}`, memory, message.workerMemory[index]!),
  );
  return table(
    ['memory', 'shared: peak RSS', 'PSS', 'sent: peak RSS', 'PSS'],
    [
      row('parent', sharing.parentMemory, message.parentMemory),
      ...workers,
      row('all of them', sum(sharing), sum(message)),
    ],
    'lrrrr',
  );
}

const share = (value: number | null): string => (value === null ? 'n/a' : megabytes(value));

function sum({ parentMemory, workerMemory }: Run): Memory {
  return workerMemory.reduce(
    (total, memory) => ({
      peakResident: total.peakResident + memory.peakResident,
      proportional:
        total.proportional === null || memory.proportional === null ? null : total.proportional + memory.proportional,
    }),
    parentMemory,
  );
}
