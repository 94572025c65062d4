/**
 * The agent: one for each machine. It owns the manager, so that the machine holds each dataset once and nothing is left when
 * the agent goes, and it runs BullMQ's worker, whose processors are processes of their own.
 *
 * `node agent.ts QUEUE REDIS WORKERS`
 */
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'bullmq';
import { SharedMemoryManager } from 'shareable';
import { connectionTo } from './queue.ts';

const [queue = '', redis = '', workers = ''] = process.argv.slice(2);
/** Milliseconds. Without Redis, closing a worker waits until Redis is back. */
const CLOSE_TIMEOUT = 2_000;

async function serve(): Promise<void> {
  await using manager = await SharedMemoryManager.start();

  const worker = new Worker(queue, fileURLToPath(new URL('processor.ts', import.meta.url)), {
    connection: connectionTo(redis),
    concurrency: Number(workers),
    // A job must be renewed within this time, or another worker gets it too. The agent renews it, not the processor, so a long
    // synchronous job does no harm here. With a processor function in this process it would: it blocks the renewal.
    lockDuration: 5_000,
    // How soon the jobs of an agent that died are given to another.
    stalledInterval: 2_000,
    // How often a job may lose its worker. The default of 1 fails a good job after two crashes of its machine.
    maxStalledCount: 10,
    // The key goes to the processors only; it is neither in Redis nor on a command line.
    workerForkOptions: {
      env: {
        ...process.env,
        MANAGER_ADDRESS: manager.address ?? '',
        MANAGER_KEY: Buffer.from(manager.authkey ?? []).toString('hex'),
      },
    },
  });
  // Lost connections are retried; without a listener they would end the process.
  worker.on('error', (error) => console.error(`agent ${process.pid}: ${error.message}`));
  worker.on('failed', (job, error) => {
    console.error(`agent ${process.pid}: job ${job?.id ?? '?'}: ${error.message}`);
    // This machine has no room: leave the job's next attempt to another one.
    if (error.message.includes('OutOfSharedMemoryError')) {
      void worker.pause(true).then(() => setTimeout(3_000, undefined, { ref: false }).then(() => worker.resume()));
    }
  });

  await new Promise((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve).once('disconnect', resolve);
  });
  await Promise.race([worker.close(true), setTimeout(CLOSE_TIMEOUT)]);
}

await serve();
// A connection that still tries to reach Redis would keep the process alive.
process.exit();
