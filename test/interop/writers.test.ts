/** CPython and this library write to one list at the same time, without a lock. */
import type { Storable } from 'shareable';
import { LayoutError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';
import { toPython } from '../support/tagged.ts';
import { whilePending } from '../support/until.ts';
import { pythonsWithLists, sharePeer } from './support/pythons.ts';

const KINDS: Storable[] = [7, 0.5, true, null, 'some text of ours', Uint8Array.of(1, 2, 3)];
const TIMES = 5000;

describe.each(pythonsWithLists)('with Python $version', (python) => {
  const peer = sharePeer(python);

  test('in slots of their own, of any type, do not disturb each other', async () => {
    using list = ShareableList.create<Storable>(
      ['between'.repeat(3), 'x'.repeat(20), 'between'.repeat(3), 'x'.repeat(20)],
      {
        name: freshName(),
      },
    );
    await peer.ask('attach_list', list.name);
    let turn = 0;
    const writing = peer.ask<number>('write_many', 1, KINDS.map(toPython), TIMES);
    await whilePending(writing, () => {
      for (let time = 0; time < 100; time++, turn++) {
        const value = KINDS[turn % KINDS.length] as Storable;
        list.set(3, value);
        expect(list.get(3)).toEqual(value);
      }
    });
    expect(await writing).toBe(0);
    expect([list.get(0), list.get(2)]).toEqual(['between'.repeat(3), 'between'.repeat(3)]);
    expect(list.get(1)).toEqual(KINDS[(TIMES - 1) % KINDS.length]);
  });

  test('in one slot of integers, each read what one of them has written', async () => {
    using list = ShareableList.create<number>([0], { name: freshName() });
    await peer.ask('attach_list', list.name);
    const theirs = [1, 2, 3];
    const seen = new Set<unknown>();
    await whilePending(peer.ask('write_many', 0, theirs.map(toPython), TIMES), () => {
      for (let time = 0; time < 200; time++) {
        list.set(0, -(2 ** 40) - (time % 3));
        seen.add(read(list));
      }
    });
    // CPython clears a number before it writes it.
    const allowed = new Set<unknown>([0, 1, 2, 3, 'LayoutError', ...[0, 1, 2].map((step) => -(2 ** 40) - step)]);
    expect([...seen].filter((value) => !allowed.has(value))).toEqual([]);
  });

  test('in one slot of changing types, get a value or a typed error, and the next write repairs the slot', async () => {
    using list = ShareableList.create<Storable>(['x'.repeat(20), 'beside'], { name: freshName() });
    await peer.ask('attach_list', list.name);
    let turn = 0;
    const writing = peer.ask('write_many', 0, KINDS.map(toPython), TIMES);
    await whilePending(writing, () => {
      for (let time = 0; time < 100; time++, turn++) {
        tolerate(() => list.set(0, KINDS[turn % KINDS.length] as Storable));
        read(list);
      }
    });
    expect(list.get(1)).toBe('beside');
    for (const kind of KINDS) {
      list.set(0, kind);
      expect(list.get(0)).toEqual(kind);
      await peer.ask('set', 0, ['plain', 'theirs']);
      expect(list.get(0)).toBe('theirs');
    }
  });
});

/** Does what may meet bytes of CPython's that are half written. */
function tolerate<Result>(act: () => Result): Result | 'LayoutError' {
  try {
    return act();
  } catch (error) {
    if (error instanceof LayoutError) return 'LayoutError';
    throw error;
  }
}

function read(list: ShareableList<Storable>): unknown {
  return tolerate(() => list.get(0));
}
