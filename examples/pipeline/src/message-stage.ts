/** One stage of the pipeline over `process.send`. It forks the next one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { ownColumns } from 'shareable-example-flights/columns';
import { decodeFlights } from 'shareable-example-flights/dataset';
import { measureMemory } from 'shareable-example-flights/memory';
import { Airports } from './airports.ts';
import { Aggregation, enrich, flightAt, rank, type Flight, type Leg, type Route } from './job.ts';
import { cpuTime } from './meters.ts';
import { roles, type Role } from './result.ts';

/** What a stage gets from the one before it. */
export type Down = { rows: number } | { flights: Flight[] } | { legs: Leg[] } | { routes: Route[] } | 'end';
/** What a stage sends to the one before it, on the way to the parent. */
export type Up = { ranking: Route[] } | { role: Role; cpu: number; peak: number };

process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

const role = process.argv[2] as Role;
const batch = Number(process.argv[3]);
const index = roles.indexOf(role);
const next =
  index + 1 < roles.length
    ? fork(import.meta.filename, [roles[index + 1]!, String(batch)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
    : undefined;

/** Sends to the parent, and waits until the message is on its way. */
async function sendUp(message: Up | 'ready'): Promise<void> {
  await new Promise<void>((resolve) => process.send!(message, () => resolve()));
}

/** Sends to the next stage. The promise resolves when the message is on its way. */
async function sendDown(message: Down): Promise<void> {
  await new Promise<void>((resolve) => next!.send(message, () => resolve()));
}

async function decode(rows: number): Promise<void> {
  const columns = ownColumns(rows);
  let done = 0;
  await decodeFlights(columns, {
    async onProgress(end, codes) {
      while (done < end) {
        const last = Math.min(done + batch, end);
        const flights = Array.from({ length: last - done }, (_, i) => flightAt(columns, done + i, codes));
        const sent = sendDown({ flights });
        // A promise for each flight would cost more than sending it.
        if (Math.floor(last / stride) > Math.floor(done / stride)) await sent;
        done = last;
      }
    },
  });
  await sendDown('end');
}

/** Flights between two waits of the first stage. */
const stride = 256;

const airports = role === 'enrich' ? await Airports.read() : undefined;
const aggregation = new Aggregation();
const routes: Route[] = [];

async function take(message: Down): Promise<void> {
  if (message === 'end') {
    if (role === 'enrich') await sendDown('end');
    else if (role === 'aggregate') {
      await sendDown({ routes: aggregation.routes() });
      await sendDown('end');
    } else await sendUp({ ranking: rank(routes) });
    return finish();
  }
  // `process.send` cannot be told to stop: what the next stage has not taken waits in this process.
  if ('flights' in message) void sendDown({ legs: message.flights.map((flight) => enrich(flight, airports!)) });
  else if ('legs' in message) for (const leg of message.legs) aggregation.add(leg);
  else if ('routes' in message) routes.push(...message.routes);
  else {
    await decode(message.rows);
    await finish();
  }
}

/** Waits for the end of the next stage, then reports and ends. */
async function finish(): Promise<void> {
  if (next !== undefined && next.exitCode === null) await once(next, 'exit');
  const { peakResident } = await measureMemory();
  await sendUp({ role, cpu: cpuTime() - before, peak: peakResident });
  process.disconnect();
}

process.on('message', (message: Down) => void take(message));
if (next !== undefined) {
  next.on('exit', (code) => {
    if (code !== 0) process.exit(1);
  });
  await once(next, 'message');
  next.on('message', (message: Up) => void sendUp(message));
}
/** What this process has used to start. */
const before = cpuTime();
await sendUp('ready');
