import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

import { patience } from './limits.ts';

/** Seconds, times what everything takes longer. */
const MAX_SILENCE = 90 * patience;
const beats = workerData as Int32Array;
let last = -1;
let silent = 0;

setInterval(() => {
  const now = Atomics.load(beats, 0);
  silent = now === last ? silent + 1 : 0;
  last = now;
  if (silent > MAX_SILENCE) {
    writeSync(2, `process ${process.pid} has been stuck in one call for ${MAX_SILENCE} s: killed by its watchdog\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, 1000);
