/**
 * A reader here beside a CPython writer, without a lock. CPython clears a slot and writes its format, its code and its value
 * one after the other, so what is read may be in between; it is a value or a typed error all the same, and from that slot.
 */
import type { Storable } from 'shareable';
import { LayoutError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';
import { toPython } from '../support/tagged.ts';
import { whilePending } from '../support/until.ts';
import { pythonsWithLists, sharePeer } from './support/pythons.ts';

const ALL: Storable[] = [2n ** 60n, -1, 1.5, true, false, null, 'hello', 'naïve', Uint8Array.of(9, 9), 'x'.repeat(31)];
const NEIGHBOURS = ['before', 'after'];

/** Whether it is what a slot of 32 bytes may hold. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return Buffer.byteLength(value) <= 32;
  if (value instanceof Uint8Array) return value.length <= 32;
  return value === null || ['number', 'bigint', 'boolean'].includes(typeof value);
}

describe.each(pythonsWithLists)('with a writer in Python $version', (python) => {
  const peer = sharePeer(python);

  /**
   * Reads the slot in the middle by `read`, as often as there is time for while Python writes `values` to it. Python writes again
   * until this process has run beside it.
   */
  async function race(values: Storable[], read: (list: ShareableList) => Storable[]): Promise<Set<Storable>> {
    using list = ShareableList.create<Storable>(['before', 'x'.repeat(31), 'after'], { name: freshName() });
    list.set(1, values[0] as Storable);
    await peer.ask('attach_list', list.name);
    const seen = new Set<Storable>();
    let errors = 0;
    do {
      await whilePending(peer.ask('write_many', 1, values.map(toPython), values.length * 5000), () => {
        for (let reads = 0; reads < 500; reads++) {
          try {
            for (const value of read(list)) seen.add(value instanceof Uint8Array ? `bytes ${value.join()}` : value);
          } catch (error) {
            if (!(error instanceof LayoutError)) throw error;
            errors += 1;
          }
          expect([list.get(0), list.get(2)]).toEqual(NEIGHBOURS);
        }
      });
    } while (seen.size + errors < 2);
    await peer.ask('close_list');
    expect(list.get(1)).toEqual(values.at(-1));
    return seen;
  }

  test.each<[string, Storable[], Storable]>([
    ['integers', [0x0123_4567_0123_4567n, -1, 0x7777_7777_7777_7777n], 0],
    ['doubles', [1.1, -2.2e-300, 3.3e300], 0],
  ])('%s are never torn: a reader sees one of them, or the slot cleared', async (_, values, cleared) => {
    const seen = await race(values, (list) => [list.get(1)]);
    expect([...seen].filter((value) => ![...values, cleared].includes(value))).toEqual([]);
  });

  test('for all types that it writes, a reader sees a value that the slot can hold, or a LayoutError', async () => {
    const seen = await race(ALL, (list) => [list.get(1), ...list.toArray()]);
    expect([...seen].filter((value) => !isStorable(value) && !String(value).startsWith('bytes '))).toEqual([]);
  });

  test('for all types that it writes, a search and a format return an answer or a LayoutError', async () => {
    const seen = await race(ALL, (list) => [list.indexOf('after'), list.count('before'), list.format.length > 0]);
    expect([...seen].filter((value) => ![2, 1, true].includes(value as never))).toEqual([]);
  });
});
