/**
 * Counts three million flights on one machine or two by BullMQ on Redis, each machine holding the dataset once, and then with
 * one copy in every process: `node main.ts [--machines 2] [--workers 4] [--jobs 64]`
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { Interrupted, interruptible } from 'shareable-example-flights/interrupt';
import { hashOfDataset } from './loader.ts';
import { OwnRedis, checkRedis } from './redis.ts';
import { canHaveMachines, run, type Outcome } from './run.ts';

const { values } = parseArgs({
  options: {
    machines: { type: 'string', default: '1' },
    workers: { type: 'string', default: '4' },
    jobs: { type: 'string', default: '64' },
  },
});
const [machines, workers, jobs] = [values.machines, values.workers, values.jobs].map((text) => {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new RangeError(`'${text}' is not a number from 1 to 9999`);
  return Number(text);
}) as [number, number, number];

/** What both runs have in common. */
interface Setting {
  readonly redis: string;
  readonly dataset: string;
  readonly signal: AbortSignal;
}

async function measure(title: string, setting: Setting, env: Record<string, string> = {}): Promise<Outcome> {
  const format = `${title} {bar} {value} of {total} jobs`;
  const bar = process.stderr.isTTY ? new SingleBar({ format, hideCursor: true, clearOnComplete: true }) : undefined;
  bar?.start(jobs, 0);
  try {
    const onProgress = (done: number) => bar?.update(done);
    return await run({ ...setting, machines, workers, jobs, onProgress, env });
  } finally {
    bar?.stop();
  }
}

async function compare(signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const given = process.env['REDIS_URL'];
  if (given !== undefined) await checkRedis(given);
  const redis = given ?? (await stack.use(new OwnRedis()).start()).address;
  const dataset = await hashOfDataset();
  const kind = machines > 1 && !canHaveMachines ? 'agents on this machine' : 'machines';
  console.log(`dataset ${dataset.slice(0, 12)}…, ${machines} ${kind} with ${workers} workers each, ${jobs} jobs`);
  const setting = { redis, dataset, signal };
  const shared = await measure('One copy a machine', setting);
  const copied = await measure('One copy a process', setting, { COPIES: 'each' });
  if (!shared.totals.every((total, slot) => total === copied.totals[slot])) throw new Error('the two runs differ');
  for (const [title, { loads, seconds, memory }] of Object.entries({
    'one copy per machine': shared,
    'one copy per process': copied,
  })) {
    console.log(
      `${title}: ${loads} loads, ${seconds.toFixed(1)} s, ${(memory / 2 ** 20).toFixed(0)} MB in the processors`,
    );
  }
}

try {
  await interruptible(compare);
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  console.error(`cluster: ${error.message}`);
  // A connection that still tries to reach Redis would keep the process alive.
  process.exit(error.exitCode);
}
