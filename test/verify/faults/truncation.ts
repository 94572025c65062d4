/** Segments truncated while a process reads and writes them, on every supported Node: it survives, and is told. */
import { truncateSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { SharedMemory } from 'shareable';

import type { Child } from '../../support/child.ts';
import { forkFixture } from '../../support/fork-fixture.ts';
import { nodes } from '../../support/nodes.ts';
import { readFlags } from './support/options.ts';
import type { Row } from './support/report.ts';
import { report } from './support/report.ts';

const USAGE = 'node test/verify/faults/truncation.ts [--count 100]';
const { count } = readFlags(USAGE, { count: 100 });
const SIZE = 256 * 1024;
/** Passes over the segment: some ten milliseconds, so that most truncations come in the midst of one. */
const PASSES = 100;

const failures: string[] = [];

/** One truncation; whether it came while the process was at work. */
async function truncate(child: Child): Promise<boolean> {
  using shm = SharedMemory.create(SIZE);
  await child.ask('attach', shm.name);
  let isAtWork = true;
  const work = child.ask('touch', PASSES).then(() => (isAtWork = false));
  await delay(Math.random() * 8);
  truncateSync(`/dev/shm/${shm.name}`, Math.random() < 0.5 ? 0 : SIZE / 2);
  const wasAtWork = isAtWork;
  await work;
  await child.ask('touch', 1);
  const ways = await child.ask<Record<string, string>>('ways');
  const untold = Object.entries(ways).filter(([, code]) => code !== 'ERR_SHM_TRUNCATED');
  if (untold.length > 0) failures.push(`the truncation went unnoticed: ${JSON.stringify(ways)}`);
  await child.ask('close');
  return wasAtWork;
}

const rows: Row[] = [];
for (const { name, path } of nodes) {
  if (path === undefined) continue;
  const before = failures.length;
  let atWork = 0;
  let survived = 0;
  const child = forkFixture('tracker/truncated.mjs', { execPath: path, serialization: 'json', deadline: 600_000 });
  try {
    for (; survived < count; survived++) atWork += Number(await truncate(child));
  } catch (error) {
    failures.push(`${name} after ${survived}: ${String(error)}`);
  }
  child.process.disconnect();
  await child.end();
  rows.push({ node: name, truncations: count, 'at work': atWork, survived, untold: failures.length - before });
}
report('truncation', rows, { count, nodes: rows }, failures);
