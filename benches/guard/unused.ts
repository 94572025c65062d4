/**
 * What publishing on diagnostics channels costs when nobody listens: the instructions of one look at `hasSubscribers`, by
 * callgrind. `test/diagnostics/looks.test.ts` counts the looks of each operation.
 */
import { join } from 'node:path';

import { instructionsOf } from './counts.ts';

/** Runs of each length: the difference leaves out the start of Node, and its compilation of the loop. */
const [FEW, MANY] = [100_000, 600_000];

/** Callgrind must notice that the engine writes code. Other threads of the engine would make the counts vary. */
const FLAGS = ['--smc-check=all-non-file'];
const NODE = [process.execPath, '--predictable', '--single-threaded', join(import.meta.dirname, 'looks.mjs')];

async function each(mode: string): Promise<number> {
  const [few = Number.NaN, many = Number.NaN] = await Promise.all(
    [FEW, MANY].map((times) => instructionsOf([...NODE, mode, String(times)], FLAGS)),
  );
  return (many - few) / (MANY - FEW);
}

/** Returns the instructions of a look at a channel without subscribers, and those with a subscriber that does nothing. */
export async function countLook(): Promise<{ unused: number; used: number }> {
  const bare = await each('bare');
  return { unused: (await each('look')) - bare, used: (await each('publish')) - bare };
}
