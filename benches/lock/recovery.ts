/**
 * Measures the milliseconds from the kill of a lock's holder to the next acquisition, by a process that has waited for a while.
 *
 *     node benches/lock/recovery.ts [--kills 300]
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Lock } from 'shareable';

const { values: options } = parseArgs({ options: { kills: { type: 'string', default: '300' } } });
const kills = Number(options.kills);
const path = fileURLToPath(new URL('victim.ts', import.meta.url));

using lock = Lock.create();

async function start(): Promise<ChildProcess> {
  const child = fork(path, [lock.name]);
  await once(child, 'message');
  return child;
}

async function hold(child: ChildProcess): Promise<void> {
  child.send('acquire');
  await once(child, 'message');
}

function show(title: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN).toFixed(2);
  process.stdout.write(`${title}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms over ${times.length} kills\n`);
}

const blocking: number[] = [];
const waiting: number[] = [];
let next = start();
for (let kill = 0; kill < kills; kill++) {
  const victim = await next;
  next = start();
  await hold(victim);
  const isAsync = kill % 2 === 0;
  const acquired = isAsync ? lock.acquireAsync() : undefined;
  if (isAsync) await delay(Math.random() * 20);
  const killed = performance.now();
  victim.kill('SIGKILL');
  using guard = (await acquired) ?? lock.acquire();
  (isAsync ? waiting : blocking).push(performance.now() - killed);
  if (!guard.recovered) throw new Error('the death of the holder was not told');
}
(await next).kill('SIGKILL');
show('acquireAsync, waiting for 0 to 20 ms before the kill', waiting);
show('acquire, from the kill on                           ', blocking);
