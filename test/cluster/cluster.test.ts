/** The example of several machines, on a real Redis, while processes are killed: every result is right and nothing is left. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { columnsIn } from '../../examples/flights/src/columns.ts';
import { hashOfDataset, readDataset } from '../../examples/cluster/src/loader.ts';
import { OwnRedis, checkRedis } from '../../examples/cluster/src/redis.ts';
import type { RunOptions } from '../../examples/cluster/src/run.ts';
import { canHaveMachines, run, startAgent } from '../../examples/cluster/src/run.ts';
import { tally } from '../../examples/flights/src/job.ts';
import { expectNothingLeft } from '../support/once.ts';
import { childrenOf, commandOf, isAlive } from '../support/processes.ts';

const ROWS = 60_000;

/** Looks for Redis, and installs Debian's package where that is possible. */
function hasRedis(): boolean {
  const isThere = () => spawnSync('redis-server', ['--version']).status === 0;
  if (isThere()) return true;
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false;
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], { stdio: 'ignore' });
  return isThere();
}

/** The example is TypeScript that Node runs as it is. */
const canRun = process.platform === 'linux' && Number(process.versions.node.split('.')[0]) >= 24 && hasRedis();

/** The processes below `pid` whose command line has this in it. */
function descendants(pid: number, script: string): number[] {
  const children = childrenOf(pid);
  const named = children.filter((child) => commandOf(child).includes(script));
  return [...named, ...children.flatMap((child) => descendants(child, script))];
}

async function find(pids: number[], script: string): Promise<number[]> {
  await expect
    .poll(() => pids.some((pid) => descendants(pid, script).length > 0), { timeout: 30_000, interval: 5 })
    .toBe(true);
  return pids.flatMap((pid) => descendants(pid, script));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe.runIf(canRun)('the cluster', { timeout: 120_000 }, () => {
  let redis: OwnRedis;
  let dataset: string;
  let expected: Float64Array;
  const segments = new Set<string>();

  beforeAll(async () => {
    redis = await new OwnRedis().start();
    dataset = await hashOfDataset();
    const table = await readDataset(ROWS);
    expected = tally(columnsIn({ table }), Number(table.schema.metadata.get('airports')));
  }, 60_000);

  /** Those of tests that fail are not told to end. */
  const started: ChildProcess[] = [];

  afterAll(async () => {
    for (const agent of started) agent.kill('SIGKILL');
    await redis[Symbol.asyncDispose]();
  });

  /** Runs the jobs with a disturbance, and checks the result; gives the number of loads. */
  async function survive(
    options: Partial<RunOptions>,
    disturb: (agents: readonly ChildProcess[], queue: string) => Promise<unknown>,
  ): Promise<number> {
    let disturbance: Promise<unknown> | undefined;
    const outcome = await run({
      redis: redis.address,
      dataset,
      machines: 1,
      workers: 2,
      jobs: 12,
      env: { FLIGHTS_ROWS: String(ROWS), JOB_MILLISECONDS: '150' },
      onStart: (agents, queue) => {
        started.push(...agents);
        disturbance = disturb(agents, queue);
      },
      ...options,
    });
    await disturbance;
    expect(outcome.totals).toEqual(expected);
    for (const name of outcome.segments) segments.add(name);
    return outcome.loads;
  }

  function startAnother(queue: string): ChildProcess {
    const options = { redis: redis.address, dataset, machines: 1, workers: 2, jobs: 12 };
    const agent = startAgent(queue, { ...options, env: { FLIGHTS_ROWS: String(ROWS), JOB_MILLISECONDS: '50' } });
    started.push(agent);
    return agent;
  }

  /** Tells an agent to end, and waits until it has. */
  async function end(agent: ChildProcess | undefined): Promise<void> {
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const exit = once(agent, 'exit');
    agent.kill('SIGTERM');
    await exit;
  }

  const pidsOf = (agents: readonly ChildProcess[]) => agents.map(({ pid }) => pid ?? 0);

  test('loads the dataset once for all workers of a machine', async () => {
    expect(await survive({}, async () => {})).toBe(1);
  });

  test('survives a worker that is killed during a job', async () => {
    const env = { FLIGHTS_ROWS: String(ROWS), JOB_MILLISECONDS: '500' };
    const first = Promise.withResolvers<number>();
    const kill = async () => process.kill(await first.promise, 'SIGKILL');
    const loads = await survive({ env, onWork: first.resolve }, kill);
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('survives a worker that is killed while it loads', async () => {
    const loads = await survive({}, async (agents) => {
      await find(pidsOf(agents), 'loader.ts');
      for (const worker of pidsOf(agents).flatMap((pid) => descendants(pid, 'bullmq'))) {
        if (descendants(worker, 'loader.ts').length > 0) process.kill(worker, 'SIGKILL');
      }
    });
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('survives a machine whose agent and workers are all killed, when another takes over', async () => {
    let second: ChildProcess | undefined;
    const loads = await survive({}, async (agents, queue) => {
      const workers = await find(pidsOf(agents), 'bullmq');
      for (const pid of [...pidsOf(agents), ...workers]) process.kill(pid, 'SIGKILL');
      second = startAnother(queue);
    });
    await end(second);
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('ends the workers of an agent that is killed, and another takes over', async () => {
    let second: ChildProcess | undefined;
    const first = Promise.withResolvers<number>();
    const loads = await survive({ onWork: first.resolve }, async (agents, queue) => {
      await first.promise;
      const workers = await find(pidsOf(agents), 'bullmq');
      for (const pid of pidsOf(agents)) process.kill(pid, 'SIGKILL');
      try {
        await expect.poll(() => workers.filter(isAlive), { timeout: 30_000 }).toEqual([]);
      } finally {
        for (const pid of workers.filter(isAlive)) process.kill(pid, 'SIGKILL');
        second = startAnother(queue);
      }
    });
    await end(second);
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('ends an agent while Redis dies, and another takes over', async () => {
    let second: ChildProcess | undefined;
    const loads = await survive({}, async (agents, queue) => {
      await find(pidsOf(agents), 'bullmq');
      const ends = agents.map(end);
      await redis.stop('SIGKILL');
      await Promise.all(ends);
      await redis.start();
      second = startAnother(queue);
    });
    await end(second);
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('survives Redis that is killed and started again', async () => {
    const loads = await survive({}, async (agents) => {
      await find(pidsOf(agents), 'bullmq');
      await redis.stop('SIGKILL');
      await redis.start();
    });
    expect(loads).toBeLessThanOrEqual(2);
  });

  test('fails a job whose dataset no machine has, and says which it has', async () => {
    const wrong = 'f'.repeat(64);
    await expect(survive({ dataset: wrong, attempts: 2, jobs: 1 }, async () => {})).rejects.toThrow(
      `the dataset here is ${dataset}, and the job wants ${wrong}`,
    );
  });

  test.runIf(canHaveMachines)('gives the jobs of a machine without room to another one', async () => {
    const loads = await survive({ machines: 2, memory: ['256k', '1g'] }, async () => {});
    expect(loads).toBe(1);
  });

  test('says why a Redis does not answer: nobody listens, or the password is wrong', async () => {
    const port = await freePort();
    const address = `redis://:wrong@127.0.0.1:${port}`;
    await expect(checkRedis(address)).rejects.toThrow(`Redis at redis://:…@127.0.0.1:${port} does not answer: connect`);
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', 'right', '--save', ''];
    const server = spawn('redis-server', settings, { stdio: 'ignore' });
    try {
      await expect
        .poll(() =>
          checkRedis(address.replace('wrong', 'right')).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
      await expect(checkRedis(address)).rejects.toThrow('WRONGPASS');
    } finally {
      server.kill();
      await once(server, 'exit');
    }
  });

  /** Starts the example, waits until its agent has workers, and ends it by a signal: its exit, and all processes below it. */
  async function interrupt(signal: NodeJS.Signals, env: Record<string, string>) {
    const main = spawn(
      process.execPath,
      [fileURLToPath(new URL('../../examples/cluster/src/main.ts', import.meta.url))],
      {
        env: { ...process.env, FLIGHTS_ROWS: String(ROWS), JOB_MILLISECONDS: '2000', ...env },
        stdio: 'ignore',
      },
    );
    started.push(main);
    const exit = once(main, 'exit');
    const workers = await find(pidsOf([main]), 'bullmq');
    const others = ['agent.ts', 'redis-server'].flatMap((script) => descendants(main.pid ?? 0, script));
    main.kill(signal);
    return { exit: await exit, pids: [...workers, ...others] };
  }

  test('ends its agents and its Redis when it is interrupted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'test-cluster-'));
    try {
      const { exit, pids } = await interrupt('SIGINT', { TMPDIR: folder });
      expect(exit).toEqual([130, null]);
      await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('ends its agents when it is killed', async () => {
    const { exit, pids } = await interrupt('SIGKILL', { REDIS_URL: redis.address });
    expect(exit).toEqual([null, 'SIGKILL']);
    await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
  });

  test('says what to do when there is no Redis', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'test-cluster-'));
    try {
      const path = process.env['PATH'];
      process.env['PATH'] = folder;
      await using absent = new OwnRedis();
      const starting = absent.start();
      process.env['PATH'] = path;
      await expect(starting).rejects.toThrow('apt-get install redis-server');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('has left nothing in shared memory', async () => {
    expect(segments.size).toBeGreaterThan(0);
    await expectNothingLeft(segments);
  });
});
