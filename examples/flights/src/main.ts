/** The demo: several processes work on the same three million flights, without copying them. */
import { describeAnswer } from './answer.ts';
import { runByFile } from './by-file.ts';
import { runByMessage } from './by-message.ts';
import { runBySharing } from './by-sharing.ts';
import { allocateFlights } from './columns.ts';
import { describeCosts } from './cost.ts';
import { countFlights } from './dataset.ts';
import { integer, megabytes, seconds } from './format.ts';
import { Interrupted, interruptible } from './interrupt.ts';
import { answerFrom, assertSame, tally } from './job.ts';
import { loadFlights } from './load.ts';
import { parseOptions, usage, type Options } from './options.ts';
import { stopwatch } from './run.ts';

async function demo({ rows, workers }: Options, signal: AbortSignal): Promise<void> {
  const lap = stopwatch();
  // Owned by this process: leaving the scope, for whatever reason, removes it from the system.
  using table = allocateFlights(Math.min(rows, await countFlights()));
  const airports = await loadFlights(table, signal);
  const { columns } = table;
  const flights = { flights: table, rows: table.table.numRows, columns, airports };
  console.log(
    `${integer(flights.rows)} flights (${day(columns.minute[0])} to ${day(columns.minute.at(-1))}), ` +
      `${megabytes(table.shm.size)} in the segment ${table.name}: decoded in ${seconds(lap())}\n`,
  );

  // Fresh workers for each; sharing goes first, since the parent's peak memory never falls again.
  const sharing = await runBySharing(flights, { workers, signal });
  const message = await runByMessage(flights, { workers, signal });
  const file = await runByFile(flights, { workers, signal });

  lap();
  const expected = tally(columns, airports.length);
  const aloneTime = lap();
  assertSame('The run by shared memory', sharing.totals, expected);
  assertSame('The run by process.send', message.totals, expected);
  assertSame('The run by reading the file', file.totals, expected);
  if (sharing.python !== undefined) assertSame('The Python worker', sharing.python.totals, expected);

  console.log(describeAnswer(answerFrom(sharing.totals, airports.length), airports));
  console.log(`\n${describeCosts({ sharing, message, file, aloneTime })}\n`);
  console.log('All runs agree with a computation in one process, to the last flight and minute.');
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}

function day(minute: number | undefined): string {
  return new Date((minute ?? 0) * 60_000).toISOString().slice(0, 10);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(usage);
  else await interruptible((signal) => demo(options, signal));
} catch (error) {
  console.error(`flights: ${describeError(error)}`);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
