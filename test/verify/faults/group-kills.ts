/**
 * Sends SIGKILL to the whole process group of a program that owns segments, as a terminal or a supervisor does, and measures
 * the time until the last name is removed. The helper survives, because it has a session of its own.
 */
import { setImmediate as turn } from 'node:timers/promises';

import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import type { Program } from './support/programs.ts';
import { helperPath, nativeProgram, nodeProgram } from './support/programs.ts';
import type { Row } from './support/report.ts';
import { milliseconds, percentile, report } from './support/report.ts';
import { Session } from './support/session.ts';
import { freshPrefix, segmentsOf } from './support/steps.ts';

const USAGE = 'node test/verify/faults/group-kills.ts [--count 200] [--segments 10] [--limit 100]';
/** The limit is in milliseconds, for the 99th percentile. */
const { count, segments, limit } = readFlags(USAGE, { count: 200, segments: 10, limit: 100 });
/** The milliseconds after which a remaining name is a leak. */
const CLEAN_UP_TIMEOUT = 5000;

runPrivately();
const failures: string[] = [];

/** Kills a group. Returns the milliseconds until the names of its segments were removed. */
async function killGroup({ title, command }: Program): Promise<number> {
  const prefix = freshPrefix();
  const helper = title === 'native' ? [helperPath] : [];
  await using session = new Session([...command, 'own', prefix, String(segments), '4096', ...helper], {
    detached: true,
  });
  await session.ready();
  if (segmentsOf(prefix).length !== segments) failures.push(`${title}: ${prefix} has not the segments it should have`);
  const start = performance.now();
  process.kill(-session.pid, 'SIGKILL');
  let left = segmentsOf(prefix).length;
  while (left > 0 && performance.now() - start < CLEAN_UP_TIMEOUT) {
    await turn();
    left = segmentsOf(prefix).length;
  }
  const took = performance.now() - start;
  if (left > 0) failures.push(`${title}: ${left} segments of ${prefix} were left`);
  await session.closed;
  if (!session.stderr.includes(`There appear to be ${segments} leaked`)) {
    failures.push(`${title}: the warning was '${session.stderr}'`);
  }
  return took;
}

const rows: Row[] = [];
for (const program of [nativeProgram(), nodeProgram()]) {
  const times: number[] = [];
  while (times.length < count) times.push(await killGroup(program));
  const [p50, p99] = [0.5, 0.99].map((share) => milliseconds(percentile(times, share))) as [number, number];
  const max = milliseconds(Math.max(...times));
  if (p99 > limit) failures.push(`${program.title}: the 99th percentile is ${p99} ms, and should be at most ${limit}`);
  rows.push({ program: program.title, kills: times.length, 'p50 ms': p50, 'p99 ms': p99, 'max ms': max });
}
report('group-kills', rows, { segments, programs: rows }, failures);
