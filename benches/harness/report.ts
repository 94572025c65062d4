/** Formats the results of a run as tables. */
import type { Verdict } from './goals.ts';
import { GOALS, compare, judge } from './goals.ts';
import { duration, pointName, ratio, size } from './format.ts';
import type { Operation } from './operation.ts';
import type { PeerState } from './peers.ts';
import type { Result } from './run.ts';

export interface Report {
  readonly date: string;
  readonly command: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly peers: readonly PeerState[];
  readonly operations: Readonly<Record<string, Described>>;
  readonly results: readonly Result[];
}

/** What is needed of an operation to read its results. */
export interface Described {
  readonly title: string;
  readonly unit: Operation['unit'];
  readonly axis: string;
  readonly contenders: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

export function describe(operation: Operation): Described {
  const { title, unit, axis, contenders } = operation;
  const entries = Object.entries(contenders);
  return {
    title,
    unit,
    axis,
    contenders: Object.fromEntries(entries.map(([name, one]) => [name, one.title])),
    limits: Object.fromEntries(entries.flatMap(([name, { upTo }]) => (upTo ? [[name, upTo.because]] : []))),
  };
}

export const show = (value: number, unit: Operation['unit']): string => (unit === 'ns' ? duration(value) : size(value));

/** Formats rows under headings as Markdown. */
export function table(headings: string[], rows: string[][]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, 3, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const goalText = (goal: Verdict, unit: Operation['unit']): string => {
  if (goal.below !== undefined) return `at most ${show(goal.below, unit)}`;
  return goal.atLeast === undefined ? `at most ${goal.atMost}x` : `at least ${goal.atLeast}x`;
};

/** Formats every goal with its result. */
export function goalTable(report: Report): string {
  const value = (operation: string, point: unknown, contender: string): string => {
    const result = report.results.find(
      (one) => one.operation === operation && one.point === point && one.contender === contender,
    );
    return result ? show(result.median, report.operations[operation]?.unit ?? 'ns') : '';
  };
  /** Which of ours, where there are several. */
  const way = ({ operation, ours }: Verdict): string =>
    ours === undefined ? '' : `, ${report.operations[operation]?.contenders[ours]}`;
  const rows = judge(report.results).map((goal) => {
    const described = report.operations[goal.operation];
    const axis = described?.axis ?? '';
    const other = goal.from ?? goal.point;
    const against =
      goal.from === undefined ? (described?.contenders[goal.against] ?? '') : `itself at ${pointName(goal.from, axis)}`;
    return [
      `${described?.title}: ${pointName(goal.point, axis)}${way(goal)}`,
      value(goal.operation, goal.point, goal.ours ?? 'shareable'),
      `${value(goal.operation, other, goal.against)} (${against})`,
      `${ratio(goal.ratio)} (${ratio(goal.spread[0])} to ${ratio(goal.spread[1])})`,
      goalText(goal, described?.unit ?? 'ns'),
      goal.isMet ? 'met' : '**missed**',
    ];
  });
  return table(['operation', 'shareable', 'against', 'ratio (least to most)', 'goal', ''], rows);
}

/** Formats everything that was measured of one operation. */
export function operationTable(report: Report, name: string): string {
  const described = report.operations[name];
  if (described === undefined) return '';
  const results = report.results.filter((one) => one.operation === name);
  const points = [...new Set(results.map((one) => one.point))];
  const contenders = Object.keys(described.contenders).filter((one) => results.some((r) => r.contender === one));
  const rows = points.map((point) => {
    const at = (contender: string): Result | undefined =>
      results.find((one) => one.point === point && one.contender === contender);
    const ours = at('shareable');
    const cells = contenders.map((contender) => {
      const result = at(contender);
      if (result === undefined) return '';
      const text = show(result.median, described.unit);
      if (contender === 'shareable' || ours === undefined) return text;
      return `${text} (${ratio(compare(ours, result).ratio)})`;
    });
    return [pointName(point, described.axis)].concat(cells);
  });
  return table([described.axis, ...contenders.map((one) => described.contenders[one] ?? one)], rows);
}

/** Formats the whole report for the terminal. */
export function printReport(report: Report): string {
  const operations = Object.keys(report.operations).map(
    (name) => `${name}: ${report.operations[name]?.title}\n${operationTable(report, name)}`,
  );
  const verdicts = judge(report.results);
  const missed = verdicts.filter((one) => !one.isMet).length;
  return [
    ...operations,
    `goals; ratios in parentheses above are the other's cost over ours`,
    goalTable(report),
    `${verdicts.length - missed} goals met, ${missed} missed, ${GOALS.length - verdicts.length} not measured`,
  ].join('\n\n');
}
