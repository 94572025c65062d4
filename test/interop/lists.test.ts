/** Lists between CPython and this library: values, formats and changes, in both directions. */
import type { Storable } from 'shareable';
import { LayoutError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';
import { returned } from '../support/storables.ts';
import type { Tagged } from '../support/tagged.ts';
import { fromPython, toPython } from '../support/tagged.ts';
import { whilePending } from '../support/until.ts';
import { pythonsWithLists, sharePeer } from './support/pythons.ts';

const VALUES: Storable[] = [
  0,
  -1,
  2 ** 53 - 1,
  2n ** 63n - 1n,
  -(2n ** 63n),
  1.5,
  -0,
  1e300,
  Infinity,
  true,
  false,
  null,
  '',
  'plain ASCII',
  'naïve 🦀 日本語 with bytes past its letters',
  'a\0b',
  new Uint8Array(0),
  Uint8Array.of(1, 0, 255),
];

describe.each(pythonsWithLists)('with Python $version', (python) => {
  const peer = sharePeer(python);

  test('a list made here has the same values and formats there', async () => {
    using list = ShareableList.create(VALUES, { name: freshName() });
    expect(await peer.ask('attach_list', list.name)).toBe(VALUES.length);
    expect(await peer.ask('values')).toEqual(VALUES.map(toPython).map(floatsAsPythonPrintsThem));
    expect(await peer.ask('format')).toBe(list.format);
  });

  test('a list made there has the same values and formats here', async () => {
    const name = freshName();
    // CPython sizes text by its letters, and cuts off the bytes past them.
    const values = VALUES.filter((value) => typeof value !== 'string' || !value.includes('🦀'));
    const format = await peer.ask('create_list', name, values.map(toPython));
    using list = ShareableList.attach(name);
    expect(list.toArray()).toEqual(values.map(returned));
    expect(list.format).toBe(format);
    await peer.ask('unlink_list');
  });

  test('non-ASCII text that fits its slot arrives here whole', async () => {
    const name = freshName();
    const texts = ['é', '日本', 'ñandú', '12345é78'];
    await peer.ask('create_list', name, texts.map(toPython));
    using list = ShareableList.attach(name);
    expect(list.toArray()).toEqual(['é', '日本', 'ñandú', '12345é78']);
    await peer.ask('unlink_list');
  });

  test('non-ASCII text written to a slot of ours arrives whole on both sides', async () => {
    using list = ShareableList.create(['é'.repeat(7), 'x'.repeat(15)], { name: freshName() });
    await peer.ask('attach_list', list.name);
    expect(await peer.ask('get', 0)).toEqual(['plain', 'é'.repeat(7)]);
    await peer.ask('set', 1, ['plain', '日本語🦀']);
    expect(list.get(1)).toBe('日本語🦀');
    list.set(1, 'ü'.repeat(8));
    expect(await peer.ask('get', 1)).toEqual(['plain', 'ü'.repeat(8)]);
  });

  test('an empty list is empty in both', async () => {
    const [ours, theirs] = [freshName(), freshName()];
    using list = ShareableList.create([], { name: ours });
    expect(await peer.ask('attach_list', list.name)).toBe(0);
    await peer.ask('close_list');
    await peer.ask('create_list', theirs, []);
    using same = ShareableList.attach(theirs);
    expect([same.length, same.shm.size]).toEqual([0, list.shm.size]);
    await peer.ask('unlink_list');
  });

  test('each side sees every change of type by the other', async () => {
    const kinds: Storable[] = [7, -(2n ** 62n), 0.5, true, null, 'text', Uint8Array.of(1, 2)];
    using list = ShareableList.create<Storable>(
      kinds.map(() => 'sixteen letters!'),
      { name: freshName() },
    );
    await peer.ask('attach_list', list.name);
    for (let turn = 0; turn < kinds.length; turn++) {
      for (const [index, kind] of kinds.entries()) {
        const [byUs, byThem] = [kind, kinds[(index + turn + 1) % kinds.length] as Storable];
        list.set(index, byUs);
        // A number that is written where a double stands stays one.
        expect(fromPython(await peer.ask<Tagged>('get', index))).toEqual(byUs);
        await peer.ask('set', index, toPython(byThem));
        expect(list.get(index)).toEqual(byThem);
      }
      expect(list.format).toBe(await peer.ask('format'));
    }
  });

  test('searches agree', async () => {
    using list = ShareableList.create<Storable>([5, 'x', 2.5, 5, null, 'x'], { name: freshName() });
    await peer.ask('attach_list', list.name);
    for (const value of [5, 'x', 2.5, null] as Storable[]) {
      expect(await peer.ask('index', toPython(value))).toBe(list.indexOf(value));
      expect(await peer.ask('count', toPython(value))).toBe(list.count(value));
    }
  });

  test('a value that does not fit is refused on both sides, and the slot keeps its value', async () => {
    using list = ShareableList.create<Storable>(['before'], { name: freshName() });
    await peer.ask('attach_list', list.name);
    await expect(peer.ask('set', 0, ['plain', 'nine bytes'])).rejects.toMatchObject({
      name: 'ValueError',
      message: expect.stringContaining('exceeds available storage'),
    });
    expect(() => list.set(0, 'nine bytes')).toThrow('exceeds available storage');
    expect(list.get(0)).toBe('before');
    expect(await peer.ask('get', 0)).toEqual(['plain', 'before']);
  });

  test('a reader here sees the counter of a writer there in order', async () => {
    using list = ShareableList.create([0], { name: freshName() });
    await peer.ask('attach_list', list.name);
    const end = 20_000;
    let last = 0;
    await whilePending(peer.ask('count_up', 0, end), () => {
      for (let reads = 0; reads < 1000; reads++) {
        const value = read(list) ?? last;
        expect(value).toBeGreaterThanOrEqual(last);
        last = value;
      }
    });
    expect(list.get(0)).toBe(end);
  });
});

/** Reads a slot that CPython is writing: it clears both the number and its format before it writes them anew. */
function read(list: ShareableList<number>): number | undefined {
  try {
    return list.get(0) || undefined;
  } catch (error) {
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** `1e+300` is how JavaScript and Python print it, but `inf` and `Infinity` differ. */
function floatsAsPythonPrintsThem([tag, content]: Tagged): unknown[] {
  return [tag, tag === 'float' ? content.replace('Infinity', 'inf') : content];
}
