/**
 * Measures the delay of the event loop while 50 promises of acquireAsync wait for a lock that another process holds, and the
 * delay of an idle loop.
 *
 *     node benches/lock/event-loop.ts [--seconds 3]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Lock } from 'shareable';

const { values: options } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });

async function measure(title: string): Promise<void> {
  const histogram = monitorEventLoopDelay({ resolution: 10 });
  const cpu = process.cpuUsage();
  histogram.enable();
  await delay(Number(options.seconds) * 1000);
  histogram.disable();
  const { user, system } = process.cpuUsage(cpu);
  const ms = (ns: number) => (ns / 1e6 - 10).toFixed(2);
  process.stdout.write(
    `${title}: p50 ${ms(histogram.percentile(50))}, p99 ${ms(histogram.percentile(99))}, max ${ms(histogram.max)} ms ` +
      `past the 10 ms of the timer; ${((user + system) / 1e4 / Number(options.seconds)).toFixed(1)} % of a processor\n`,
  );
}

using lock = Lock.create();
const holder = fork(fileURLToPath(new URL('victim.ts', import.meta.url)), [lock.name]);
await once(holder, 'message');
holder.send('acquire');
await once(holder, 'message');
await measure('idle      ');
const waiting = Array.from({ length: 50 }, async () => {
  using _guard = await lock.acquireAsync();
});
await measure('50 waiting');
holder.kill('SIGKILL');
await Promise.all(waiting);
