/**
 * Measures a sweep of thousands of stale segments after everything was killed at once, and checks that it keeps live and
 * untracked segments.
 */
import { spawnSync } from 'node:child_process';

import { SharedMemory } from 'shareable';

import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import { helperPath, nativeProgram } from './support/programs.ts';
import { milliseconds, percentile, report } from './support/report.ts';
import { Session } from './support/session.ts';
import { freshPrefix, segmentsOf } from './support/steps.ts';

const USAGE = 'node test/verify/faults/stale-sweep.ts [--stale 5000] [--live 50] [--rounds 5] [--limit 500]';
/** The limit is in milliseconds, for the median. */
const { stale, live, rounds, limit } = readFlags(USAGE, { stale: 5000, live: 50, rounds: 5, limit: 500 });

runPrivately();
const { command } = nativeProgram();
const failures: string[] = [];

/** Makes segments whose owner is killed and has no helper. */
async function leaveStale(prefix: string): Promise<void> {
  await using owner = new Session([...command, 'own', prefix, String(stale), '4096', '-']);
  await owner.ready();
  owner.process.kill('SIGKILL');
  await owner.closed;
}

/** Returns the milliseconds of a sweep, from the start of its process to the end. */
async function sweep(): Promise<number> {
  const [old, young, untracked] = [freshPrefix(), freshPrefix(), freshPrefix()];
  await leaveStale(old);
  await using owner = new Session([...command, 'own', young, String(live), '4096', '-']);
  await owner.ready();
  using detached = SharedMemory.create(4096, { name: `${untracked}d`, track: false });
  const start = performance.now();
  const { stdout, status } = spawnSync(helperPath, ['sweep'], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  const took = performance.now() - start;
  detached.unlink();
  const { removed, kept } = JSON.parse(stdout) as { removed: string[]; kept: { name: string }[] };
  const wrong = {
    'exit code': status !== 0,
    'stale ones were left': segmentsOf(old).length > 0,
    'live ones were removed': segmentsOf(young).length !== live,
    'the report is not what happened':
      removed.filter((name) => name.startsWith(old)).length !== stale ||
      kept.filter(({ name }) => name.startsWith(young)).length !== live ||
      [...removed, ...kept.map(({ name }) => name)].includes(detached.name),
  };
  failures.push(...Object.entries(wrong).flatMap(([what, isSo]) => (isSo ? [what] : [])));
  owner.process.kill('SIGKILL');
  await owner.closed;
  spawnSync(helperPath, ['sweep']);
  return took;
}

const times: number[] = [];
while (times.length < rounds) times.push(await sweep());
const [p50, max] = [milliseconds(percentile(times, 0.5)), milliseconds(Math.max(...times))];
if (p50 > limit) failures.push(`the median is ${p50} ms, and should be at most ${limit}`);
report(
  'stale-sweep',
  [{ stale, live, rounds, 'p50 ms': p50, 'max ms': max }],
  { stale, live, rounds, p50, max },
  failures,
);
