/**
 * Random lists of all types in both languages: the same bytes, and the same values whichever side reads them. Ten thousand
 * in all for every push; `SHAREABLE_INTEROP_LISTS=1000000` for the night, with a seed of its own by `SHAREABLE_SEED`.
 */
import * as fc from 'fast-check';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { runPython } from '../support/python.ts';
import { freshName } from '../support/segments.ts';
import { bytesOfText, returned, storable } from '../support/storables.ts';
import { toPython } from '../support/tagged.ts';
import { pythonsWithLists } from './support/pythons.ts';

const TOTAL = Number(process.env['SHAREABLE_INTEROP_LISTS'] ?? 10_000);
const SEED = Number(process.env['SHAREABLE_SEED'] ?? 20_261_121);
const each = Math.ceil(TOTAL / pythonsWithLists.length);
/** Lists that exist at once. */
const BATCH = 200;
const DEADLINE = 60_000 + each * 20;

/** Values that both can represent: CPython strips NULs at the end, and makes room for letters and not for bytes. */
const common = storable.filter((value) => {
  const content = bytesOfText(value);
  if (content === undefined) return true;
  const units = typeof value === 'string' ? Array.from(value).length : content.length;
  return content.at(-1) !== 0 && Math.floor(units / 8) === Math.floor(content.length / 8);
});

/** Compares a batch; what differs. */
async function compare(peer: Pick<Child, 'ask'>, seed: number, size: number): Promise<unknown[]> {
  using stack = new DisposableStack();
  const batch = fc.sample(fc.array(common, { maxLength: 20 }), { seed, numRuns: size }).map((values) => ({
    values,
    ours: stack.use(ShareableList.create(values)).name,
    theirs: freshName(),
  }));
  const tasks = batch.map(({ values, ours, theirs }) => [theirs, ours, values.map(toPython)]);
  const wrong = await peer.ask<unknown[]>('compare_lists', tasks);
  const misread = batch.filter(({ values, theirs }) => {
    using list = ShareableList.attach(theirs);
    const read = list.toArray();
    return (
      read.length !== values.length || read.some((value, index) => !isExact(value, returned(values[index] ?? null)))
    );
  });
  await peer.ask('unlink_lists');
  return [...wrong, ...misread];
}

function isExact(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0;
  return Object.is(one, other);
}

// All bytes of a segment, its size among them.
describe.skipIf(!platform.hasShmFolder).each(pythonsWithLists)('with Python $version', (python) => {
  test(`${each} random lists are byte for byte the same, and read the same`, { timeout: DEADLINE }, async () => {
    await using peer = runPython(python, 'interop/peer.py', DEADLINE);
    for (let done = 0; done < each; done += BATCH) {
      const seed = SEED + python.minor * 1_000_003 + done;
      expect(await compare(peer, seed, Math.min(BATCH, each - done)), `seed ${seed}`).toEqual([]);
    }
  });
});
