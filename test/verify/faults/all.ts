/** Runs all fault commands, two at a time, with the counts for every push or for the night. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { nativeProgram } from './support/programs.ts';

/** The operations to run in Node. The others differ only in native code, which the native program covers. */
const FEW =
  'create,create-list,attach,dispose,lock-create,lock-attach,manager-alone-end,manager-create,channel-create,semaphore-attach';

/** A command and its flags: for every push, and for the night. */
const commands: [name: string, push: string[], night: string[]][] = [
  ['helper-start', ['--count', '20', '--ms', '100'], ['--count', '200']],
  ['kill-sweep', ['--program', 'native'], ['--program', 'native', '--rounds', '20']],
  ['kill-sweep', ['--program', 'node'], ['--program', 'node', '--rounds', '5']],
  ['fail-sweep', ['--program', 'native'], ['--program', 'native']],
  ['fail-sweep', ['--program', 'node', '--errors', 'ENOMEM', '--operations', FEW], ['--program', 'node']],
  ['random-kills', ['--native', '1000', '--node', '50'], ['--native', '1000000', '--node', '25000']],
  ['group-kills', ['--count', '50', '--limit', '1000'], ['--count', '5000']],
  ['stale-sweep', ['--rounds', '3', '--limit', '2000'], ['--rounds', '100']],
  ['truncation', ['--count', '25'], ['--count', '10000']],
];

if (process.argv.slice(2).some((flag) => flag !== '--night')) {
  console.error('node test/verify/faults/all.ts [--night]');
  process.exit(2);
}
const isNight = process.argv.includes('--night');
const started = performance.now();
const failed: string[] = [];

/** Runs a command, and prints its output at the end. */
async function run(name: string, flags: string[]): Promise<void> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  const title = [name, ...flags].join(' ');
  if (code !== 0) failed.push(title);
  console.log(`── ${title} (${Math.round((performance.now() - start) / 1000)} s)\n${output.trimEnd()}\n`);
}

// Built once, before the commands need it.
nativeProgram();
const waiting = [...commands];
const lanes = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, push, night] = next;
    await run(name, isNight ? night : push);
  }
});
await Promise.all(lanes);
console.log(`all fault commands: ${Math.round((performance.now() - started) / 1000)} s`);
if (failed.length > 0) {
  console.log(`failed: ${failed.join('; ')}`);
  process.exitCode = 1;
}
