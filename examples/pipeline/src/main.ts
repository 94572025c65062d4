/** The pipeline: a job of several stages in several processes, over channels and over `process.send`. */
import { isDeepStrictEqual } from 'node:util';
import { ownColumns } from 'shareable-example-flights/columns';
import { decodeFlights } from 'shareable-example-flights/dataset';
import { integer } from 'shareable-example-flights/format';
import { Interrupted, interruptible } from 'shareable-example-flights/interrupt';
import { Airports } from './airports.ts';
import { describeRanking } from './answer.ts';
import { runByChannel } from './by-channel.ts';
import { runByMessage } from './by-message.ts';
import { describeCosts } from './cost.ts';
import { Aggregation, enrich, flightAt, rank, type Route } from './job.ts';
import { parseOptions, usage } from './options.ts';

/** Flights of one message in the run that sends many at once. */
const batch = 256;

async function pipeline(rows: number, signal: AbortSignal): Promise<void> {
  const airports = await Airports.read();
  const channel = await runByChannel({ rows, signal });
  const single = await runByMessage({ rows, signal }, 1);
  const batches = await runByMessage({ rows, signal }, batch);

  const expected = await computeAlone(rows, airports);
  assertSame('The run over channels', channel.ranking, expected);
  assertSame('The run over process.send', single.ranking, expected);
  assertSame('The run over process.send in batches', batches.ranking, expected);

  const { after, gap, repeated } = channel.restart;
  console.log(`${describeRanking(channel.ranking, airports)}\n`);
  console.log(
    `The stage enrich was killed after ${integer(after)} of ${integer(rows)} flights. Its successor went on after ` +
      `${Math.round(gap)} ms, and passed on ${integer(repeated)} of them again, which the next stage left out.\n`,
  );
  const ways = { channels: channel, 'process.send': single, [`process.send, ${batch} at a time`]: batches };
  console.log(`${describeCosts(rows, ways)}\n`);
  console.log(`All runs agree with a computation in one process, on each of ${expected.length} routes.`);
}

/** The result without any stages, for the check. */
async function computeAlone(rows: number, airports: Airports): Promise<Route[]> {
  const columns = ownColumns(rows);
  const codes = await decodeFlights(columns);
  const aggregation = new Aggregation();
  for (let row = 0; row < rows; row++) aggregation.add(enrich(flightAt(columns, row, codes), airports));
  return rank(aggregation.routes());
}

function assertSame(name: string, actual: readonly Route[], expected: readonly Route[]): void {
  if (isDeepStrictEqual(actual.map(plain), expected.map(plain))) return;
  const index = expected.findIndex((route, i) => !isDeepStrictEqual(plain(actual[i]), plain(route)));
  throw new Error(
    `${name} has ${JSON.stringify(actual[index])} in place ${index}, and not ${JSON.stringify(expected[index])}`,
  );
}

const plain = (route: Route | undefined): object => ({ ...route });

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}

try {
  const { rows, help } = parseOptions(process.argv.slice(2));
  if (help) console.log(usage);
  else await interruptible((signal) => pipeline(rows, signal));
} catch (error) {
  console.error(`pipeline: ${describeError(error)}`);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
