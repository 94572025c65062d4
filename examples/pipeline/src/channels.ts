/** The channels between the stages, and the bytes of what they carry. */
import { Channel, struct, type ChannelHandle, type Codec } from 'shareable';
import type { Flight, Leg, Route } from './job.ts';

const flight: Codec<Flight> = struct({
  number: 'u32',
  minute: 'i32',
  delay: 'i32',
  origin: 'text3',
  destination: 'text3',
});

const leg: Codec<Leg> = struct({
  number: 'u32',
  route: 'text7',
  miles: 'u32',
  delay: 'i32',
  period: 'u8',
  isWeekend: 'bool',
});

const route: Codec<Route> = struct({
  route: 'text7',
  miles: 'u32',
  flights: 'u32',
  delayMinutes: 'i32',
  late: 'u32',
  lateOnWeekends: 'u32',
  worstPeriod: 'u8',
});

/** Attached with these, a channel of other messages is an error and not garbage. */
export const codecs = { flights: flight, legs: leg, routes: route, ranking: route };

/**
 * Bytes of a ring: some sixteen thousand messages. In a smaller one, a slow stage stops the one before it sooner; in a larger
 * one, the stages wait for each other less often.
 */
const capacity = 524_288;

/** Messages that are sent or taken under one lock. */
export const batch = 256;

export class Channels implements Disposable {
  // A stage that reads or writes these may be killed and started again, so no number of producers ends them, and a sender
  // whose consumer is gone waits for the next one. `shutdown` ends them.
  readonly flights = Channel.create({ codec: codecs.flights, capacity });
  readonly legs = Channel.create({ codec: codecs.legs, capacity });
  // The end of the only producer is the end of these, and its death is an error.
  readonly routes = Channel.create({ codec: codecs.routes, capacity, producers: 1 });
  readonly ranking = Channel.create({ codec: codecs.ranking, capacity, producers: 1 });

  handles(): Handles {
    const { flights, legs, routes, ranking } = this;
    return {
      flights: flights.toJSON(),
      legs: legs.toJSON(),
      routes: routes.toJSON(),
      ranking: ranking.toJSON(),
    };
  }

  [Symbol.dispose](): void {
    for (const channel of [this.flights, this.legs, this.routes, this.ranking]) channel[Symbol.dispose]();
  }
}

/** What a stage is sent: four names. */
export interface Handles {
  readonly flights: ChannelHandle<Flight>;
  readonly legs: ChannelHandle<Leg>;
  readonly routes: ChannelHandle<Route>;
  readonly ranking: ChannelHandle<Route>;
}
