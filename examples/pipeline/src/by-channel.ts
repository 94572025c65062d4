import { setTimeout as after } from 'node:timers/promises';
import { Channels } from './channels.ts';
import { Display } from './display.ts';
import type { Route } from './job.ts';
import { Meters } from './meters.ts';
import { roles, type Result, type RunOptions } from './result.ts';
import type { Task } from './stage.ts';
import { Stages, type Stage } from './processes.ts';

/** What the death of a stage has cost. */
export interface Restart {
  /** Flights that it had enriched. */
  readonly after: number;
  /** Milliseconds from the kill until its successor had enriched a flight. */
  readonly gap: number;
  /** Flights that it had passed on but not consumed, so that its successor passed them on again. */
  readonly repeated: number;
}

const script = new URL('./stage.ts', import.meta.url);
const enricher = roles.indexOf('enrich');
/** The meter of the process that takes the place of the killed one. */
const successor = roles.length;
/** Milliseconds between two looks at what the stages have done. */
const glance = 1;

/** Runs the job over channels, and kills the stage that enriches when it has done half of the flights. */
export async function runByChannel({ rows, signal }: RunOptions): Promise<Result & { restart: Restart }> {
  using channels = new Channels();
  using meters = Meters.create(roles.length + 1);
  await using stages = new Stages(signal);
  const tell = (stage: Stage, process: number, last?: number): void => {
    const task: Task = { rows, channels: channels.handles(), meters: meters.toJSON(), process, last };
    stage.send(task);
  };
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await after(glance, undefined, { signal: stages.signal });
  };

  const all = roles.map((role) => stages.start(role, script, [role]));
  await stages.orFailure(Promise.all(all.map((stage) => stage.ready)));

  using display = new Display(rows, channels, meters);
  const begin = performance.now();
  // The process that will be killed waits for that, so that a late kill does not find it done.
  const mostByKilled = Math.ceil(rows * 0.75);
  for (const [process, stage] of all.entries()) tell(stage, process, process === enricher ? mostByKilled : undefined);

  const replaceEnricher = async (): Promise<Pick<Restart, 'after' | 'gap'>> => {
    await until(() => meters.get(enricher, 'done') >= rows / 2);
    const killed = performance.now();
    await all[enricher]!.kill();
    const next = stages.start('enrich', script, ['enrich']);
    all.push(next);
    await next.ready;
    let hasEnded = false;
    void next.ended.then(() => (hasEnded = true));
    tell(next, successor);
    // Of very few flights, none may be left for it.
    await until(() => hasEnded || meters.get(successor, 'done') > 0);
    const restart = { after: meters.get(enricher, 'done'), gap: performance.now() - killed };
    display.log(describeRestart(restart));
    return restart;
  };

  const ranking: Route[] = [];
  const receive = async (): Promise<number> => {
    for await (const route of channels.ranking) ranking.push(route);
    return performance.now() - begin;
  };

  const [restart, time] = await stages.orFailure(Promise.all([replaceEnricher(), receive()]));
  await stages.orFailure(Promise.all(all.map((stage) => stage.ended)));

  return {
    ranking,
    time,
    cpu: all.reduce((sum, _, process) => sum + meters.get(process, 'cpu'), 0),
    // A process that is killed does not say how much memory it had. Its successor stands for it.
    peaks: roles.map((_, process) => meters.get(process === enricher ? successor : process, 'peak')),
    restart: {
      ...restart,
      repeated: meters.get(roles.indexOf('aggregate'), 'repeated'),
    },
  };
}

function describeRestart({ after: done, gap }: Pick<Restart, 'after' | 'gap'>): string {
  return `enrich was killed after ${done.toLocaleString('en')} flights; its successor went on after ${Math.round(gap)} ms`;
}
