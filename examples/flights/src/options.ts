import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export interface Options {
  readonly rows: number;
  readonly workers: number;
  readonly help: boolean;
}

const defaultWorkers = Math.min(4, Math.max(2, availableParallelism()));

export const usage = `Usage: node src/main.ts [options]

Several processes work on three million flights in one block of shared memory,
and then do the same with the data sent by process.send, and with every worker
reading the file.

  --rows N      use the first N flights only (default: all of them)
  --workers N   start N worker processes, at most 64 (default: ${defaultWorkers})
  --help        show this`;

/** @throws {TypeError | RangeError} for an invalid argument. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string' },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    rows: wholeNumber('rows', values.rows, Infinity, Infinity),
    workers: wholeNumber('workers', values.workers, defaultWorkers, 64),
    help: values.help,
  };
}

function wholeNumber(name: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= most) return value;
  const limit = most === Infinity ? 'of at least 1' : `from 1 to ${most}`;
  throw new RangeError(`--${name} takes a whole number ${limit}, not '${text}'`);
}
