/** The demo: several processes work on the same three million flights, without copying them. */
import { SharedMemory } from 'shareable';
import { describeAnswer } from './answer.ts';
import { runByMessage } from './by-message.ts';
import { runBySharing } from './by-sharing.ts';
import { columnsIn, layOut } from './columns.ts';
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
  const layout = layOut(Math.min(rows, await countFlights()));
  // This process owns the segment: leaving the scope in any way removes it.
  using segment = SharedMemory.create(layout.byteLength);
  const airports = await loadFlights(segment, layout, signal);
  const columns = columnsIn(segment, layout);
  const flights = { segment, layout, columns, airports };
  console.log(
    `${integer(layout.rows)} flights (${day(columns.minute[0])} to ${day(columns.minute.at(-1))}), ` +
      `${megabytes(segment.size)} in the segment ${segment.name}: decoded in ${seconds(lap())}\n`,
  );

  // Each run has fresh workers. Sharing comes first, because the parent's peak memory never falls.
  const sharing = await runBySharing(flights, { workers, signal });
  const message = await runByMessage(flights, { workers, signal });

  lap();
  const expected = tally(columns, airports.length);
  const aloneTime = lap();
  assertSame('The run with shared memory', sharing.totals, expected);
  assertSame('The run with process.send', message.totals, expected);

  console.log(describeAnswer(answerFrom(sharing.totals, airports.length), airports));
  console.log(`\n${describeCosts({ sharing, message, aloneTime })}\n`);
  console.log('Both runs agree with a computation in one process, to the last flight and minute.');
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
