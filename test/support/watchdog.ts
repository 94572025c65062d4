/**
 * Ends a test process whose thread is stuck in a call that never returns, which no time-out of the test runner can
 * interrupt: a thread beside it waits for a sign of life every second.
 */
import { Worker } from 'node:worker_threads';

/** Starts the watchdog of this process, once. */
export function startWatchdog(): void {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  setInterval(() => Atomics.add(beats, 0, 1), 1000).unref();
  new Worker(new URL('watchdog-thread.ts', import.meta.url), { workerData: beats, execArgv: [] }).unref();
}
