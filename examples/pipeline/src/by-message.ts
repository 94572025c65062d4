import type { Route } from './job.ts';
import type { Down, Up } from './message-stage.ts';
import { roles, type Result, type RunOptions } from './result.ts';
import { Stages } from './processes.ts';

/**
 * Runs the same job over `process.send`. Each stage forks the next one, because only a parent and its child can send to
 * each other.
 *
 * @param batch flights of one message
 */
export async function runByMessage({ rows, signal }: RunOptions, batch: number): Promise<Result> {
  await using stages = new Stages(signal);
  const first = stages.start(roles[0], new URL('./message-stage.ts', import.meta.url), [roles[0], String(batch)]);
  await stages.orFailure(first.ready);

  const ranking: Route[] = [];
  const costs: Extract<Up, { cpu: number }>[] = [];
  const done = Promise.withResolvers<number>();
  const begin = performance.now();
  first.child.on('message', (message: Up) => {
    if ('ranking' in message) {
      ranking.push(...message.ranking);
      done.resolve(performance.now() - begin);
    } else costs.push(message);
  });
  first.send({ rows } satisfies Down);
  const time = await stages.orFailure(done.promise);
  await stages.orFailure(first.ended);
  return {
    ranking,
    time,
    cpu: costs.reduce((sum, { cpu }) => sum + cpu, 0),
    peaks: roles.map((role) => costs.find((cost) => cost.role === role)!.peak),
  };
}
