/** A reader beside a writer, without a lock: it sees what was there or what comes, or a typed error, and nothing else. */
import type { Storable } from 'shareable';
import { LayoutError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { returned } from '../support/storables.ts';
import { whilePending } from '../support/until.ts';

/** What was read how many times: values by their text, errors by their class. */
type Seen = Map<string, number>;

const textOf = (value: Storable) =>
  value instanceof Uint8Array ? `bytes ${value.join()}` : `${typeof value} ${value}`;

/** Reads slot 0 by `read` as long as others write. They write again until this process has run beside them. */
async function watch(read: () => Storable, write: () => Promise<unknown>, least = 2): Promise<Seen> {
  const seen: Seen = new Map();
  do {
    await whilePending(write(), () => {
      for (let time = 0; time < 20_000; time++) {
        let found: string;
        try {
          found = textOf(read());
        } catch (error) {
          // A writer that was stopped for long in the middle of a slot.
          if (!(error instanceof LayoutError)) throw error;
          found = error.name;
        }
        seen.set(found, (seen.get(found) ?? 0) + 1);
      }
    });
  } while (seen.size < least);
  return seen;
}

/** Starts with the first value; the child writes all of them in turn. */
async function race<Found extends Storable>(
  values: Storable[],
  read: (list: ShareableList<Storable>) => Found,
  times = 500_000,
  room = 48,
  least = 2,
): Promise<Seen> {
  // A slot that is large enough for each of them.
  using list = ShareableList.create<Storable>(['x'.repeat(room)]);
  list.set(0, values[0] as Storable);
  await using child = forkFixture('cross-process/list-peer.ts');
  await child.ask('attach', list.toJSON());
  return await watch(
    () => read(list),
    () => child.ask('writeMany', 0, values, times),
    least,
  );
}

function expectOnly(seen: Seen, values: Storable[]): void {
  const allowed = new Set([...values.map((value) => textOf(returned(value))), 'LayoutError']);
  expect([...seen].filter(([found]) => !allowed.has(found))).toEqual([]);
  expect(seen.size).toBeGreaterThan(1);
}

describe('a reader', () => {
  const get = (list: ShareableList<Storable>) => list.get(0);

  test('never sees half an integer', async () => {
    // Both halves of each are alike.
    const values = [0x0123_4567_0123_4567n, -1n, 0x7777_7777_7777_7777n, 5n * 2n ** 32n + 5n];
    expectOnly(await race(values, get), values);
  });

  test('never sees half a double', async () => {
    const values = [1.1, -2.2e-300, 3.3e300, 0.5];
    expectOnly(await race(values, get), values);
  });

  test('never sees two texts mixed', async () => {
    const values = ['a'.repeat(48), 'b'.repeat(47), 'c'];
    expectOnly(await race(values, get), values);
  });

  test.each([8, 16, 200, 1200])('never sees two texts mixed in a slot for %i letters and more', async (room) => {
    const values = ['a'.repeat(room), 'b'.repeat(room - 1), 'cd', '', 'e'.repeat(room + 7)];
    expectOnly(await race(values, get, room > 16 ? 300_000 : 1_500_000, room), values);
  });

  test('never sees long text without the NUL at its end', async () => {
    // Their formats are 1208s and 1208s0x, of which the first four bytes are the same.
    const values = ['a'.repeat(1207), `${'b'.repeat(1207)}\0`];
    expectOnly(await race(values, get, 300_000, 1200), values);
  });

  test('never sees two byte strings mixed', async () => {
    const values = [new Uint8Array(40).fill(1), new Uint8Array(48).fill(2)];
    expectOnly(await race(values, get), values);
  });

  test.each<[string, Storable[], number]>([
    ['an integer and a bool', [7n, true], 1_500_000],
    ['an integer and a false one', [7n, false], 1_500_000],
    ['an integer and text', [7n, 'hello'], 1_500_000],
    ['a bool and null', [true, null], 1_500_000],
    ['a double and a bool', [-1.5, true], 500_000],
    ['text and bytes', ['hello', Uint8Array.of(1, 2, 3)], 1_500_000],
    ['text with and without a NUL at its end', ['ab', 'xyz\0'], 500_000],
    ['all types', [2n ** 60n, 'hello', true, null, Uint8Array.of(9, 9), 'x'.repeat(39)], 1_500_000],
  ])('never sees one type as another: %s', async (_, values, times) => {
    expectOnly(await race(values, get, times), values);
  });

  // Alike but for the code, which tells text from bytes.
  test.each([8, 16, 48])('never sees bytes as text in a slot for %i letters', async (room) => {
    const values = ['hello', Uint8Array.of(1, 2, 3)];
    expectOnly(await race(values, get, 1_500_000, room), values);
  });

  test('never sees a mixture of texts that are each written once', async () => {
    using list = ShareableList.create<Storable>(['0 '.repeat(20)]);
    list.set(0, '0 0 0 0 ');
    await using child = forkFixture('cross-process/list-peer.ts');
    await child.ask('attach', list.toJSON());
    const seen = await watch(
      () => list.get(0),
      () => child.ask('writeCounters', 0, 500_000),
    );
    const mixed = [...seen.keys()].filter((found) => !/^string (\d+) \1 \1 \1 $|^LayoutError$/.test(found));
    expect(mixed).toEqual([]);
    expect(seen.size).toBeGreaterThan(1);
  });
});

describe('two writers', () => {
  test.each([16, 48])('of text leave the text of one of them at any moment: %i letters', async (length) => {
    using list = ShareableList.create<Storable>(['x'.repeat(length - 1)]);
    await using one = forkFixture('cross-process/list-peer.ts');
    await using two = forkFixture('cross-process/list-peer.ts');
    const values = ['a'.repeat(length), 'b'.repeat(length), 'c'.repeat(length - 3), 'd'];
    list.set(0, 'd');
    await Promise.all([one.ask('attach', list.name), two.ask('attach', list.name)]);
    const write = () =>
      Promise.all([
        one.ask('writeMany', 0, values.slice(0, 2), 200_000),
        two.ask('writeMany', 0, values.slice(2), 200_000),
      ]);
    expectOnly(await watch(() => list.get(0), write), values);
    expect(values).toContain(list.get(0));
  });
});

describe('a search', () => {
  // What the bits of each of the two say when they are taken for the other's.
  test.each<[string, Storable[], Storable[]]>([
    ['an integer and a bool', [7n, true], [2n ** 56n, false]],
    ['an integer and text', [7n, 'hello'], [0x6f_6c6c_6568n, '\u0007']],
    ['a bool and null', [true, null], [false]],
    ['two texts', ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'], ['aaaaaaaabbbb', 'bbbbbbbbaaaa']],
  ])('never finds a value that was never written: %s', async (_, values, ghosts) => {
    let turn = 0;
    const find = (list: ShareableList<Storable>) => list.count(ghosts[turn++ % ghosts.length] as Storable);
    const seen = await race(values, find, 500_000, 48, 1);
    seen.delete('LayoutError');
    expect([...seen.keys()]).toEqual(['number 0']);
  });
});
