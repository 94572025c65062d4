/** The help. */
import type { Command, Option } from './command.js';
import type { Line } from './format.js';

const COMMON: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', help: 'print JSON, and errors as JSON on standard error' },
  help: { type: 'boolean', short: 'h', help: 'show this' },
};

/** Formats titles in one column and descriptions in the next. */
function columns(rows: readonly (readonly [title: string, text: string])[]): Line[] {
  const width = rows.reduce((widest, [title]) => Math.max(widest, title.length), 0);
  return rows.map(([title, text]) => `  ${title.padEnd(width)}  ${text}`);
}

function describeOptions(options: Readonly<Record<string, Option>>): Line[] {
  return columns(
    Object.entries(options).map(([name, { short, argument, help }]) => [
      `${short === undefined ? '   ' : `-${short},`} --${name}${argument === undefined ? '' : ` ${argument}`}`,
      help,
    ]),
  );
}

const heading = (text: string): Line => ({ text, style: 'heading' });

/** `shareable --help`. */
export function* describeProgram(commands: ReadonlyMap<string, Command>): Generator<Line> {
  yield 'usage: shareable COMMAND [options]';
  yield '';
  yield heading('Commands');
  yield* columns([...commands.values()].map(({ usage, summary }) => [usage.replace(/ \[.*$/, ''), summary]));
  yield '';
  yield heading('Options');
  yield* describeOptions({ ...COMMON, version: { type: 'boolean', short: 'v', help: 'show the version' } });
  yield '';
  yield "'shareable COMMAND --help' says more. Exit codes: 0 done, 1 failed, 2 a wrong command line.";
}

/** `shareable COMMAND --help`. */
export function* describeCommand({ usage, summary, details, options }: Command): Generator<Line> {
  yield `usage: shareable ${usage} [--json]`;
  yield '';
  yield `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  yield* details;
  yield '';
  yield heading('Options');
  yield* describeOptions({ ...options, ...COMMON });
}
