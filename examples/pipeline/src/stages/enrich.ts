import { setTimeout as after } from 'node:timers/promises';
import { Channel } from 'shareable';
import { Airports } from '../airports.ts';
import { batch, codecs } from '../channels.ts';
import { enrich, type Flight } from '../job.ts';
import { waiting, type Meter } from '../meters.ts';
import type { Task } from '../stage.ts';

/** The longest time of a timer, in milliseconds. */
const longest = 2 ** 31 - 1;

/** Sends a leg for each flight. It may be killed at any time: another process of this stage goes on. */
export async function run({ channels, last = Infinity }: Task, meter: Meter): Promise<void> {
  const airports = await Airports.read();
  using flights = Channel.attach(channels.flights, { codec: codecs.flights });
  using legs = Channel.attach(channels.legs, { codec: codecs.legs });
  let done = 0;
  const pass = (flight: Flight): void => {
    const leg = enrich(flight, airports);
    if (!legs.trySend(leg)) waiting(meter, () => legs.send(leg));
    meter.add('done', 1);
    done += 1;
  };
  while (true) {
    if (done >= last) await after(longest);
    {
      // A flight is consumed at the end of the scope, when its leg has been sent. If this process dies before that, its
      // successor gets the flight again: none is lost, and some are sent twice.
      using message = await flights.readAsync();
      if (message === undefined) break;
      pass(message.value);
    }
    // What else is there, under one lock. It is consumed when all of it has been sent.
    flights.drain(
      (bytes, start, length) => pass(codecs.flights.decode(bytes.subarray(start, start + length))),
      Math.max(Math.min(batch, last - done), 1),
    );
  }
  legs.shutdown();
}
