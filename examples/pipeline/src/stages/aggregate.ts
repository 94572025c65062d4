import { Channel, ProducerDiedError } from 'shareable';
import { batch, codecs } from '../channels.ts';
import { Aggregation } from '../job.ts';
import { waiting, type Meter } from '../meters.ts';
import type { Task } from '../stage.ts';

/** Adds up the legs of each route, and sends the sums. */
export async function run({ channels }: Task, meter: Meter): Promise<void> {
  using legs = Channel.attach(channels.legs, { codec: codecs.legs });
  using routes = Channel.attach(channels.routes, { codec: codecs.routes });
  const aggregation = new Aggregation();
  while (!legs.ended) {
    try {
      for await (const some of legs.batches(batch)) {
        for (const leg of some) aggregation.add(leg);
        meter.set('done', aggregation.flights);
      }
    } catch (error) {
      // The process that enriches was killed. Its successor goes on where it was.
      if (!(error instanceof ProducerDiedError)) throw error;
    }
  }
  meter.set('repeated', aggregation.repeated);
  await waiting(meter, () => routes.sendManyAsync(aggregation.routes()));
}
