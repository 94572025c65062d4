/** What the ways of running the job cost, side by side. */
import { styleText } from 'node:util';
import { integer, megabytes, milliseconds } from 'shareable-example-flights/format';
import { table } from 'shareable-example-flights/table';
import { roles, type Result } from './result.ts';

export function describeCosts(rows: number, ways: Record<string, Result>): string {
  const runs = Object.values(ways);
  const row = (title: string, cell: (run: Result) => string): string[] => [title, ...runs.map(cell)];
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b);
  return [
    styleText('bold', 'What it cost'),
    table(
      ['', ...Object.keys(ways)],
      [
        row('time', ({ time }) => milliseconds(time)),
        row('flights per second', ({ time }) => integer(Math.round((1000 * rows) / time))),
        row('processor time', ({ cpu }) => milliseconds(cpu)),
        ...roles.map((role, index) => row(`peak RSS, ${role}`, ({ peaks }) => megabytes(peaks[index]!))),
        row('peak RSS, all stages', ({ peaks }) => megabytes(sum(peaks))),
      ],
      'l' + 'r'.repeat(runs.length),
    ),
  ].join('\n');
}
