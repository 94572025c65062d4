import { Channel } from 'shareable';
import { codecs } from '../channels.ts';
import { rank, type Route } from '../job.ts';
import { waiting, type Meter } from '../meters.ts';
import type { Task } from '../stage.ts';

/** Sends the routes in the order of their ranks. */
export async function run({ channels }: Task, meter: Meter): Promise<void> {
  using routes = Channel.attach(channels.routes, { codec: codecs.routes });
  using ranking = Channel.attach(channels.ranking, { codec: codecs.ranking });
  const all: Route[] = [];
  for await (const route of routes) meter.set('done', all.push(route));
  await waiting(meter, () => ranking.sendManyAsync(rank(all)));
}
