/** The same values, and the same writes in the same order, make the same bytes in both languages. */
import * as fc from 'fast-check';
import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { bytesOf, freshName } from '../support/segments.ts';
import { bytesOfText, slotSize, storable } from '../support/storables.ts';
import { toPython } from '../support/tagged.ts';
import { pythonsWithLists, sharePeer } from './support/pythons.ts';

const SEED = 20_261_121;

/** Values that CPython can represent: not those that end in NUL, nor text whose letters need fewer bytes than it has. */
const common = storable.filter((value) => {
  const content = bytesOfText(value);
  if (content === undefined) return true;
  const letters = typeof value === 'string' ? Math.floor(Array.from(value).length / 8) : Math.floor(content.length / 8);
  return content.at(-1) !== 0 && letters === Math.floor(content.length / 8);
});

/** Integers as bigints: a number would stay a double where one stands. */
const exact = common.map((value) => (typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value));

describe.each(pythonsWithLists)('with Python $version', (python) => {
  const peer = sharePeer(python);

  test('a hundred random lists are byte for byte the same', async () => {
    const lists = fc.sample(fc.array(common, { maxLength: 25 }), { seed: SEED, numRuns: 100 });
    for (const values of lists) {
      const theirs = freshName();
      using ours = ShareableList.create(values);
      await peer.ask('create_list', theirs, values.map(toPython));
      expect(bytesOf(ours.name).toString('hex')).toBe(bytesOf(theirs).toString('hex'));
      await peer.ask('unlink_list');
    }
  });

  test('thirty random sequences of writes leave the same bytes', async () => {
    const history = fc.record({
      values: fc.array(common, { minLength: 1, maxLength: 6 }),
      writes: fc.array(fc.tuple(fc.nat(5), exact), { maxLength: 15 }),
    });
    for (const { values, writes } of fc.sample(history, { seed: SEED, numRuns: 30 })) {
      const theirs = freshName();
      using ours = ShareableList.create<Storable>(values);
      await peer.ask('create_list', theirs, values.map(toPython));
      for (const [place, value] of writes) {
        const index = place % values.length;
        if ((bytesOfText(value)?.length ?? 0) > slotSize(values[index] as Storable)) continue;
        ours.set(index, value);
        await peer.ask('set', index, toPython(value));
      }
      expect(bytesOf(ours.name).toString('hex')).toBe(bytesOf(theirs).toString('hex'));
      await peer.ask('unlink_list');
    }
  });

  test('a long list is byte for byte the same', async () => {
    const values: Storable[] = Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0 ? index : index / 4 + 0.1,
    );
    const theirs = freshName();
    using ours = ShareableList.create(values);
    await peer.ask('create_list', theirs, values.map(toPython));
    expect(bytesOf(ours.name).equals(bytesOf(theirs))).toBe(true);
    await peer.ask('unlink_list');
  });
});
