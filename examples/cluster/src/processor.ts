/**
 * A processor: BullMQ starts as many processes of it as the agent has workers, and hands them one job at a time.
 *
 * Delivery is at least once: a job whose agent dies runs again, perhaps while its first run still goes on elsewhere. So a job
 * must only compute and return; the queue keeps one result.
 */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import type { SandboxedJob } from 'bullmq';
import { SharedMemoryManager, type SharedMemory } from 'shareable';
import { columnsIn, narrow, sliceOf } from 'shareable-example-flights/columns';
import { tally } from 'shareable-example-flights/job';
import type { Progress, Result, Task } from './queue.ts';

// BullMQ does not end the processors of an agent that was killed, and they could run for ever at full speed: it reports each error
// to the agent, and a report that fails is an error.
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit();

const { MANAGER_ADDRESS = '', MANAGER_KEY = '', COPIES, JOB_MILLISECONDS = '0' } = process.env;
const manager =
  COPIES === 'each'
    ? new SharedMemoryManager() // For the comparison: every processor has a copy of its own.
    : await SharedMemoryManager.connect(MANAGER_ADDRESS, Buffer.from(MANAGER_KEY, 'hex'));

// `using` does not run when BullMQ ends this process.
process.once('exit', () => manager[Symbol.dispose]());

/** Attachments of this process: to attach again for each job would map the pages again. */
const held = new Map<string, SharedMemory>();

export default async function (job: SandboxedJob<Task>): Promise<Result> {
  const { dataset, part, parts } = job.data;
  let loads = 0;
  try {
    await job.updateProgress({ pid: process.pid } satisfies Progress);
    let shm = held.get(dataset);
    if (shm === undefined) {
      shm = await manager.once(dataset, async (create) => {
        loads = 1;
        await load(dataset, create);
      });
      held.set(dataset, shm);
    }
    // Nothing is copied: the columns are views of the segment.
    const table = tableFromIPC(shm.buf);
    const airports = Number(table.schema.metadata.get('airports'));
    const columns = narrow(columnsIn({ table }), sliceOf(table.numRows, part, parts));
    const totals = [...tally(columns, airports)];
    // Work that takes longer, for tests.
    await setTimeout(Number(JOB_MILLISECONDS));
    return { totals, loads, segment: shm.name, pid: process.pid, memory: memoryOfThisProcess() };
  } catch (error) {
    // BullMQ passes on the message alone, and the agent wants to know the class.
    const { name, message } = error as Error;
    throw new Error(`${name}: ${message}`, { cause: error });
  }
}

/**
 * Has a child process decode the dataset. Decoding leaves hundreds of megabytes of garbage, which go with the child; what it
 * writes goes straight into the segment, which other processes see when it is complete.
 */
async function load(dataset: string, create: (size: number) => SharedMemory): Promise<void> {
  const loader = spawn(process.execPath, [fileURLToPath(new URL('loader.ts', import.meta.url)), dataset], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(loader, 'exit');
  let complaint = '';
  loader.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  let buf: Uint8Array | undefined;
  let filled = 0;
  for await (const piece of loader.stdout as AsyncIterable<Buffer>) {
    let bytes = piece;
    if (buf === undefined) {
      // The first eight bytes are the size. A pipe delivers them in one piece: it is empty before.
      buf = create(Number(bytes.readBigUInt64LE())).buf;
      bytes = bytes.subarray(8);
    }
    buf.set(bytes, filled);
    filled += bytes.length;
  }
  const [code] = (await exit) as [number | null];
  if (code !== 0 || filled !== buf?.length) throw new Error(`the loader ended with ${code}: ${complaint.trim()}`);
}

function memoryOfThisProcess(): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]) * 1024;
}
