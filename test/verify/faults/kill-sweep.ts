/**
 * Kills the process at every system call of every operation, and after the last one. Nothing may be left behind, and no
 * segment of another process may be removed.
 */
import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import type { Program } from './support/programs.ts';
import { nativeProgram, nodeProgram } from './support/programs.ts';
import type { Row } from './support/report.ts';
import { report } from './support/report.ts';
import { Stepper, operations } from './support/steps.ts';
import type { Call } from './support/trace.ts';

const USAGE = `node test/verify/faults/kill-sweep.ts [--program native|node|both] [--rounds 1] [--operations create,attach,…]`;
const flags = readFlags(USAGE, { program: 'both', rounds: 1, operations: '' });
/** The calls of an engine differ between runs, so that a point can be missed. */
const TRIES = 5;

runPrivately();
const programs = [
  ...(flags.program === 'node' ? [] : [nativeProgram()]),
  ...(flags.program === 'native' ? [] : [nodeProgram()]),
];
const failures: string[] = [];
const rows: Row[] = [];

/** Kills a program at one point. Returns whether the point was reached. */
async function killAt(program: Program, operation: string, { name, nth }: Call): Promise<boolean> {
  const where = `${program.title} ${operation}, killed at ${name} number ${nth}`;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    await using victim = new Stepper(program, operation);
    const { said, points } = await victim.step(`${name}:signal=KILL:when=${nth}`);
    const { signal, hung, leaks } = await victim.end();
    // A segment that is meant to outlive its creator either has its name, or was never there.
    const isMeant = (leak: string) => operation === 'create-detached' && leak.endsWith('was left');
    failures.push(...leaks.filter((leak) => !isMeant(leak)).map((leak) => `${where}: ${leak}`));
    if (hung) failures.push(`${where}: it hung`);
    if (said === undefined && signal === 'SIGKILL' && points.at(-1)?.name === name) return true;
  }
  return false;
}

async function sweep(program: Program, operation: string): Promise<Row> {
  await using healthy = new Stepper(program, operation);
  const { points, said } = await healthy.step();
  const { leaks, stderr } = await healthy.end();
  const where = `${program.title} ${operation}, not killed`;
  if (said !== 'ok') failures.push(`${where}: it said ${said} ${stderr}`);
  failures.push(...leaks.map((leak) => `${where}: ${leak}`));
  const before = failures.length;
  let killed = 0;
  for (const point of points) killed += Number(await killAt(program, operation, point));
  return { program: program.title, operation, points: points.length, killed, leaks: failures.length - before };
}

for (let round = 0; round < flags.rounds; round++) {
  for (const program of programs) {
    for (const operation of operations[program.title]) {
      const isChosen = flags.operations === '' || flags.operations.split(',').includes(operation);
      if (isChosen) rows.push(await sweep(program, operation));
    }
  }
}

const sum = (column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
const [points, killed, leaks] = ['points', 'killed', 'leaks'].map(sum) as [number, number, number];
if (killed < points * 0.95) failures.push(`only ${killed} of ${points} points were hit`);
report(
  'kill-sweep',
  [...rows, { program: 'all', operation: '', points, killed, leaks }],
  { points, killed, leaks },
  failures,
);
