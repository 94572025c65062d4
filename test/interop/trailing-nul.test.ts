/** Values that end in NUL: exact here, readable there, and the slot stays one that CPython can write to. */
import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';
import type { Tagged } from '../support/tagged.ts';
import { fromPython, toPython } from '../support/tagged.ts';
import { pythonsWithLists, sharePeer } from './support/pythons.ts';

const VALUES: Storable[] = ['ab\0', 'full in8\0', '\0', Uint8Array.of(1, 2, 0), new Uint8Array(7), 'é\0'];
/** What CPython makes of them: it takes every NUL at the end for padding. */
const STRIPPED: Storable[] = ['ab', 'full in8', '', Uint8Array.of(1, 2), new Uint8Array(0), 'é'];

describe.each(pythonsWithLists)('with Python $version', (python) => {
  const peer = sharePeer(python);

  test('are read there without the NULs, and here exactly', async () => {
    using list = ShareableList.create(VALUES, { name: freshName() });
    await peer.ask('attach_list', list.name);
    expect(await peer.ask('values')).toEqual(STRIPPED.map(toPython));
    expect(list.toArray()).toEqual(VALUES);
  });

  test('their slots take what is written there, to the last byte', async () => {
    using list = ShareableList.create(VALUES, { name: freshName() });
    await peer.ask('attach_list', list.name);
    const slots = [8, 16, 8, 8, 8, 8];
    for (const [index, size] of slots.entries()) {
      const full = 'x'.repeat(size);
      await peer.ask('set', index, ['plain', full]);
      expect(list.get(index)).toBe(full);
      expect(await peer.ask('get', index)).toEqual(['plain', full]);
    }
    expect(list.format).toBe(slots.map((size) => `${size}s`).join(''));
  });

  test('long ones are read there too, and their slots take what is written there', async () => {
    const name = freshName();
    using list = ShareableList.create<Storable>([new Uint8Array(150_001).fill(65, 0, -3), 7], { name });
    await peer.ask('attach_list', name);
    for (const [length, format] of [
      [150_001, '150001sx'],
      [100, '100sx'],
      [150_008, '150008s '],
    ] as const) {
      list.set(0, new Uint8Array(length).fill(65, 0, -3));
      expect(list.format).toBe(`${format}q`);
      const there = fromPython(await peer.ask<Tagged>('get', 0)) as Uint8Array;
      // Three NULs are stripped there.
      expect([there.length, there.every((byte) => byte === 65)]).toEqual([length - 3, true]);
      expect(await peer.ask('get', 1)).toEqual(['int', '7']);
      const full = 'x'.repeat(150_008);
      await peer.ask('set', 0, ['plain', full]);
      expect(list.get(0) === full).toBe(true);
    }
  });

  test('they can be set where it has written, and it can write there again', async () => {
    const name = freshName();
    await peer.ask('create_list', name, [['plain', 'eleven long']]);
    using list = ShareableList.attach<Storable>(name);
    for (const value of ['\0', 'x\0\0', 'sixteen letter!\0', new Uint8Array(16)]) {
      list.set(0, value);
      expect(list.get(0)).toEqual(value);
      const stripped = await peer.ask<Tagged>('get', 0);
      expect(stripped).toEqual(toPython(typeof value === 'string' ? value.replace(/\0+$/, '') : new Uint8Array(0)));
      await peer.ask('set', 0, ['plain', 'sixteen letters!']);
      expect([list.get(0), list.format]).toEqual(['sixteen letters!', '16s']);
    }
    await peer.ask('unlink_list');
  });
});
