/** Draws the pictures of `docs/bench`. */
import { duration, pointName, size } from '../harness/format.ts';
import type { Report } from '../harness/report.ts';
import { dots, lines, sheet } from './chart.ts';
import type { Chart, Series } from './chart.ts';

/** Formats a number without digits that a tick does not need. */
const bare = (text: string): string => text.replace(/(\.\d*?)0+(?= )/, '$1').replace(/\.(?= )/, '');
const time = (ns: number): string => bare(ns < 1 ? `${ns} ns` : duration(ns));
const precise = (ns: number): string => (ns < 1 ? `${ns.toFixed(1)} ns` : duration(ns));

function seriesOf(report: Report, operation: string, without: readonly string[] = []): Series[] {
  const described = report.operations[operation];
  return Object.entries(described?.contenders ?? {}).flatMap(([name, title]) => {
    const results = report.results.filter((one) => one.operation === operation && one.contender === name);
    const values = results.map((one) => [one.point, one.median] as const);
    return values.length > 0 && !without.includes(name) ? [{ name, title, values }] : [];
  });
}

function chartOf(report: Report, operation: string, options: Partial<Chart> & Pick<Chart, 'width' | 'height'>): Chart {
  const described = report.operations[operation];
  const axis = described?.axis ?? '';
  return {
    title: described?.title ?? operation,
    xLabel: axis.replace('in bytes', '').trim(),
    yLabel: 'time',
    series: seriesOf(report, operation),
    xFormat: (x: number) => bare(pointName(x, axis)),
    yFormat: time,
    ...options,
  };
}

/** Returns the file name and the picture of each. */
export function drawAll(report: Report): [file: string, svg: string][] {
  const { processor, node, python } = report.machine;
  const note = `median of ${report.rounds} round${report.rounds === 1 ? '' : 's'}, a process each; ${processor}; Node ${node}, CPython ${python}; ${report.date}`;
  const has = (operation: string): boolean => report.results.some((one) => one.operation === operation);
  const grid = (operations: string[], columns: number, width: number, height: number): string =>
    sheet(
      operations.filter(has).map((one) => lines(chartOf(report, one, { width, height }))),
      columns,
      width,
      height,
      note,
    );
  const single = (operation: string, options: Partial<Chart> = {}): string => {
    const frame = { width: 860, height: 520 };
    return sheet([lines(chartOf(report, operation, { ...frame, ...options }))], 1, frame.width, frame.height, note);
  };
  const access = ['list-get', 'list-set'].map((one) =>
    dots(chartOf(report, one, { width: 560, height: 400, yLabel: 'time of one operation', yFormat: precise })),
  );
  const lengths = ['list-get-by-length', 'construct', 'to-array', 'index-of', 'count', 'attach-list'];
  const files: [file: string, needs: string, draw: () => string][] = [
    [
      'hand-over.svg',
      'hand-over',
      () =>
        single('hand-over', { title: 'From data in one process to a reader in another that has looked at every page' }),
    ],
    [
      'channel.svg',
      'channel-messages',
      () => single('channel-messages', { title: 'Messages from one process to another: time of each' }),
    ],
    ['list-access.svg', 'list-get', () => sheet(access, 2, 560, 400, note)],
    ['by-length.svg', 'construct', () => grid(lengths, 2, 500, 340)],
    ['segments.svg', 'create', () => grid(['create', 'create-use', 'attach', 'copy'], 2, 560, 360)],
    ['lock.svg', 'lock', () => grid(['lock'], 1, 640, 380)],
    [
      'memory.svg',
      'memory',
      () => single('memory', { linear: true, yLabel: 'memory in use (sum of Pss)', yFormat: (y) => bare(size(y)) }),
    ],
  ];
  return files.filter(([, needs]) => has(needs)).map(([file, , draw]) => [file, draw()]);
}
