import { parseArgs } from 'node:util';

export const usage = `Usage: node src/main.ts [options]

Decodes, enriches, aggregates and ranks flights in four processes: once over channels in shared memory, with one process
killed and replaced on the way, and twice over process.send.

  --rows N   use the first N flights only, from 1,000 to 3,000,000 (default: 300,000)
  --help     show this`;

const limits = { default: 300_000, least: 1000, most: 3_000_000 };

/** @throws {TypeError | RangeError} for an invalid argument. */
export function parseOptions(args: string[]): { rows: number; help: boolean } {
  const { values } = parseArgs({
    args,
    options: { rows: { type: 'string', default: String(limits.default) }, help: { type: 'boolean', default: false } },
  });
  const rows = /^\d+$/.test(values.rows) ? Number(values.rows) : NaN;
  if (rows >= limits.least && rows <= limits.most) return { rows, help: values.help };
  throw new RangeError(`--rows takes a whole number from ${limits.least} to ${limits.most}, not '${values.rows}'`);
}
