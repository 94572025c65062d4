/** Starts agents, gives them the jobs, and gathers the results. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Queue, QueueEvents } from 'bullmq';
import { connectionTo, type Progress, type Result, type Task } from './queue.ts';

export interface RunOptions {
  readonly redis: string;
  readonly dataset: string;
  readonly machines: number;
  readonly workers: number;
  readonly jobs: number;
  /** The size of each machine's /dev/shm. Default: 2g for all. */
  readonly memory?: readonly string[];
  /** Variables of the agents' environment. */
  readonly env?: Record<string, string>;
  readonly onProgress?: (done: number) => void;
  /** Called when the agents run and the jobs are in the queue. */
  readonly onStart?: (agents: readonly ChildProcess[], queue: string) => void;
  /** Called with the process that begins a job. */
  readonly onWork?: (pid: number) => void;
  /** How often a job may fail. Default: 20. */
  readonly attempts?: number;
  /** Ends the run: the agents end, and the queue goes. */
  readonly signal?: AbortSignal;
}

/** Milliseconds. Ctrl-C in a terminal ends Redis too, and without Redis the queue cannot be closed. */
const CLOSE_TIMEOUT = 2_000;

export interface Outcome {
  readonly totals: Float64Array;
  readonly loads: number;
  readonly segments: ReadonlySet<string>;
  readonly seconds: number;
  readonly memory: number;
}

/** Whether this user may give each agent a network and a /dev/shm of its own, as machines have them. */
export const canHaveMachines: boolean = spawnSync('unshare', ['-n', '-m', 'true']).status === 0;

/** Starts an agent, on a machine of its own where that is possible. */
export function startAgent(queue: string, options: RunOptions, index = 0): ChildProcess {
  const { redis, workers, machines, env, memory } = options;
  const agent = [process.execPath, fileURLToPath(new URL('agent.ts', import.meta.url)), queue, redis, String(workers)];
  const own = `mount -t tmpfs -o size=${memory?.[index] ?? '2g'},mode=1777 none /dev/shm && exec "$@"`;
  // Redis's Unix socket leads out of the network namespace; TCP does not.
  const spaces = redis.includes('://') ? ['-m'] : ['-n', '-m'];
  const machine = machines > 1 && canHaveMachines ? ['unshare', ...spaces, 'sh', '-c', own, 'sh'] : [];
  const [command = '', ...args] = [...machine, ...agent];
  // The agent ends when the channel does: when this process is killed.
  return spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

export async function run(options: RunOptions): Promise<Outcome> {
  const { redis, dataset, machines, jobs, onProgress, onStart, onWork, signal } = options;
  const name = `flights-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const connection = connectionTo(redis);
  const queue = new Queue<Task, Result>(name, { connection }).on('error', () => {});
  const events = new QueueEvents(name, { connection }).on('error', () => {});
  events.on('progress', ({ data }) => onWork?.((data as Progress).pid));
  // One listener for each job.
  queue.setMaxListeners(0);
  events.setMaxListeners(0);
  const interruption = Promise.withResolvers<never>();
  const interrupt = () => interruption.reject(signal?.reason);
  interruption.promise.catch(() => {});
  signal?.addEventListener('abort', interrupt, { once: true });
  const start = performance.now();
  const agents = Array.from({ length: machines }, (_, index) => startAgent(name, options, index));
  try {
    signal?.throwIfAborted();
    await events.waitUntilReady();
    const settings = { attempts: options.attempts ?? 20, backoff: { type: 'fixed', delay: 200 } };
    const all = await queue.addBulk(
      Array.from({ length: jobs }, (_, part) => ({
        name: 'count',
        data: { dataset, part, parts: jobs },
        opts: settings,
      })),
    );
    onStart?.(agents, name);
    let done = 0;
    // Events are a stream in Redis, so none is lost while it is down.
    const results = await Promise.race([
      interruption.promise,
      Promise.all(
        all.map(async (job) => {
          const result = await job.waitUntilFinished(events);
          onProgress?.((done += 1));
          return result;
        }),
      ),
    ]);
    const totals = new Float64Array(results[0]?.totals.length ?? 0);
    for (const { totals: part } of results) for (const [slot, total] of part.entries()) totals[slot]! += total;
    const memory = new Map(results.map(({ pid, memory: bytes }) => [pid, bytes]));
    return {
      totals,
      loads: results.reduce((sum, { loads }) => sum + loads, 0),
      segments: new Set(results.map(({ segment }) => segment)),
      seconds: (performance.now() - start) / 1000,
      memory: [...memory.values()].reduce((sum, bytes) => sum + bytes, 0),
    };
  } finally {
    const ends = agents.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      ends.map((agent) => {
        const exit = once(agent, 'exit');
        agent.kill('SIGTERM');
        return exit;
      }),
    );
    const close = async () => {
      await queue.obliterate({ force: true });
      await events.close();
      await queue.close();
    };
    await Promise.race([close(), ...(signal?.aborted === true ? [setTimeout(CLOSE_TIMEOUT)] : [])]);
    signal?.removeEventListener('abort', interrupt);
  }
}
