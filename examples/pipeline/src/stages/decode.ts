import { Channel } from 'shareable';
import { ownColumns } from 'shareable-example-flights/columns';
import { decodeFlights } from 'shareable-example-flights/dataset';
import { batch, codecs } from '../channels.ts';
import { flightAt } from '../job.ts';
import { waiting, type Meter } from '../meters.ts';
import type { Task } from '../stage.ts';

/** Decodes the file, and sends each flight. */
export async function run({ channels, rows }: Task, meter: Meter): Promise<void> {
  using flights = Channel.attach(channels.flights, { codec: codecs.flights });
  const columns = ownColumns(rows);
  let done = 0;
  await decodeFlights(columns, {
    async onProgress(end, codes) {
      while (done < end) {
        const last = Math.min(done + batch, end);
        const values = Array.from({ length: last - done }, (_, i) => flightAt(columns, done + i, codes));
        const sent = flights.trySendMany(values);
        if (sent < values.length) await waiting(meter, () => flights.sendManyAsync(values.slice(sent)));
        meter.set('done', (done = last));
      }
    },
  });
  flights.shutdown();
}
