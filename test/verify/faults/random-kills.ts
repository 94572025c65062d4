/** Kills programs that create, attach, close and unlink at random moments. Nothing may be left, and none may hang. */
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { SharedMemory } from 'shareable';

import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import type { Program } from './support/programs.ts';
import { helperPath, nativeProgram, nodeProgram } from './support/programs.ts';
import type { Row } from './support/report.ts';
import { report } from './support/report.ts';
import { Session } from './support/session.ts';
import { freshPrefix, segmentsOf } from './support/steps.ts';

const USAGE = 'node test/verify/faults/random-kills.ts [--native 1000] [--node 50] [--seed N]';
const flags = readFlags(USAGE, { native: 1000, node: 50, seed: Date.now() % 1_000_000 });

runPrivately();
const failures: string[] = [];
using victim = SharedMemory.create(5000, { name: `${freshPrefix()}v` });

/** A native program kills itself, from another thread, up to a few milliseconds after its start. */
function startNative({ command }: Program, prefix: string, seed: number): Session {
  const microseconds = (seed * 7919) % 6000;
  return new Session([...command, 'random', prefix, victim.name, helperPath, String(seed), String(microseconds)]);
}

/** Node is killed from outside, some milliseconds after it reports its start. */
async function startNode({ command }: Program, prefix: string, seed: number): Promise<Session> {
  const session = new Session([...command, 'random', prefix, victim.name, String(seed)]);
  await session.ready();
  await delay((seed * 7919) % 30);
  session.process.kill('SIGKILL');
  return session;
}

/** Kills a program and checks what is left. */
async function kill(program: Program, seed: number): Promise<void> {
  const prefix = freshPrefix();
  const where = `${program.title} with seed ${seed}`;
  await using session = await (program.title === 'native' ? startNative : startNode)(program, prefix, seed);
  const { signal, code } = await session.closed;
  if (session.hung) failures.push(`${where} hung`);
  if (signal !== 'SIGKILL') failures.push(`${where} ended with ${signal ?? code}: ${session.stderr}`);
  for (const name of segmentsOf(prefix)) {
    failures.push(`${where} left ${name}`);
    rmSync(`/dev/shm/${name}`);
  }
}

const rows: Row[] = [];
for (const [program, count] of [
  [nativeProgram(), flags.native],
  [nodeProgram(), flags.node],
] as const) {
  const before = failures.length;
  const start = performance.now();
  for (let round = 0; round < count; round++) await kill(program, flags.seed + round);
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  rows.push({ program: program.title, kills: count, leaks: failures.length - before, seconds });
}
if (!existsSync(`/dev/shm/${victim.name}`)) failures.push('the segment that all of them attached to is gone');
report('random-kills', rows, { seed: flags.seed, programs: rows }, failures);
