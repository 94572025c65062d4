/** Conclusions from the results, as sentences and short tables. */
import { duration, pointName, ratio, size } from './format.ts';
import type { Point } from './operation.ts';
import type { Report } from './report.ts';
import { operationTable, table } from './report.ts';

const valueAt = (report: Report, operation: string, contender: string, point: Point): number | undefined =>
  report.results.find((one) => one.operation === operation && one.contender === contender && one.point === point)
    ?.median;

const SIZES = 'size in bytes';

/** Returns the size from which on one way is faster than another, between two measured sizes. */
function crossover(report: Report, ours: string, theirs: string): string {
  const points = [...new Set(report.results.filter((r) => r.operation === 'hand-over').map((r) => r.point as number))];
  let below: number | undefined;
  for (const point of points.toSorted((a, b) => b - a)) {
    const [mine, other] = [ours, theirs].map((one) => valueAt(report, 'hand-over', one, point));
    if (mine === undefined || other === undefined) continue;
    if (mine < other) {
      below = point;
      continue;
    }
    if (below === undefined) return 'never faster';
    // Where the lines of the plot meet.
    const [mineBelow = 1, otherBelow = 1] = [ours, theirs].map((one) => valueAt(report, 'hand-over', one, below ?? 0));
    const [start, end] = [Math.log(mine / other), Math.log(mineBelow / otherBelow)];
    const share = start / (start - end);
    return `from about ${size(2 ** Math.round(Math.log2(point) + share * Math.log2(below / point)))} on`;
  }
  return 'at every size';
}

/** Returns the memory that each further reader takes. */
function slope(report: Report, contender: string): number | undefined {
  const few = valueAt(report, 'memory', contender, 1);
  const many = valueAt(report, 'memory', contender, 8);
  return few === undefined || many === undefined ? undefined : (many - few) / 7;
}

export const facts: Readonly<Record<string, (report: Report) => string>> = {
  machine: (report) =>
    [
      `Measured on ${report.date} by \`${report.command}\`, medians of ${report.rounds} rounds:`,
      '',
      ...Object.entries(report.machine).map(([name, value]) => `- ${name}: ${value}`),
    ].join('\n'),
  peers: (report) =>
    table(
      ['package', 'version', 'installs here', ''],
      report.peers.map(({ name, version, installed, note }) => [name, version, installed ? 'yes' : 'no', note]),
    ),
  crossover: (report) => {
    const names = ['advanced', 'json', 'worker', 'file'];
    const title = (name: string): string => report.operations['hand-over']?.contenders[name] ?? name;
    return table(
      ['is faster than', 'copied into a segment', 'made in the segment'],
      names.map((name) => [title(name), crossover(report, 'shareable', name), crossover(report, 'in-place', name)]),
    );
  },
  channels: (report) => {
    const names = Object.keys(report.operations).filter((name) => name.startsWith('channel-'));
    const parts = names.map((name) => `**${report.operations[name]?.title}**\n\n${operationTable(report, name)}`);
    if (!names.includes('channel-messages')) return parts.join('\n\n');
    return ['![Time of a message by size and by way](bench/channel.svg)', ...parts].join('\n\n');
  },
  'memory-slope': (report) => {
    const rows = Object.entries(report.operations['memory']?.contenders ?? {}).flatMap(([name, title]) => {
      const more = slope(report, name);
      return more === undefined ? [] : [[title, size(more)]];
    });
    return table(['128 MiB of data', 'each further reader takes'], rows);
  },
  home: (report) => {
    const at = 64 * 2 ** 20;
    const mine = valueAt(report, 'hand-over', 'in-place', at);
    if (mine === undefined) return '';
    const rows = ['in-place', 'shareable', 'worker', 'advanced', 'json'].flatMap((name) => {
      const value = valueAt(report, 'hand-over', name, at);
      const title = report.operations['hand-over']?.contenders[name] ?? name;
      return value === undefined ? [] : [[title, duration(value), ratio(value / mine)]];
    });
    return table(
      [`${pointName(at, SIZES)} of numbers to another process or thread`, 'time', 'against the first row'],
      rows,
    );
  },
  readme: (report) => {
    const at = 64 * 2 ** 20;
    const [ours, sent, json] = ['in-place', 'advanced', 'json'].map((one) => valueAt(report, 'hand-over', one, at));
    if (ours === undefined || sent === undefined || json === undefined) return '';
    return (
      `Handing ${pointName(at, SIZES)} of numbers to another process takes ${duration(ours)} when they are made in a segment, ` +
      `${duration(sent)} (${ratio(sent / ours)}) by \`process.send\` with advanced serialization, ` +
      `and ${duration(json)} (${ratio(json / ours)}) as JSON.`
    );
  },
};
