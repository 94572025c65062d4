/** A process of one stage of the pipeline over channels. Its first argument names the stage. */
import { once } from 'node:events';
import type { Handles } from './channels.ts';
import { Meters, type Meter, type MetersHandle } from './meters.ts';

/** Everything that a stage is told. */
export interface Task {
  readonly rows: number;
  readonly channels: Handles;
  readonly meters: MetersHandle;
  /** Which meter is its own. */
  readonly process: number;
  /** How many flights it takes at most, and then waits to be killed. Default: all. */
  readonly last?: number | undefined;
}

// Ctrl-C in a terminal reaches every process of the group. The parent decides what happens then.
process.on('SIGINT', () => {});
// The parent has ended, or needs this stage no more.
process.on('disconnect', () => process.exit());

const { run } = (await import(`./stages/${process.argv[2]}.ts`)) as { run(task: Task, meter: Meter): Promise<void> };

const told = once(process, 'message');
process.send?.('ready');
const [task] = (await told) as [Task];
{
  using meters = Meters.attach(task.meters);
  await using meter = meters.of(task.process);
  await run(task, meter);
}
process.disconnect?.();
