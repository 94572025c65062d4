import { statSync } from 'node:fs';

import { SegmentExistsError, ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

describe('create', () => {
  test('creates a list of the values in order', () => {
    using list = ShareableList.create([1, 2.5, true, 'three', Uint8Array.of(4), null, 5n]);
    expect(list.length).toBe(7);
    expect(list.toArray()).toEqual([1, 2.5, true, 'three', Uint8Array.of(4), null, 5]);
  });

  test('takes any iterable', () => {
    function* generate(): Generator<number> {
      yield 1;
      yield 2;
    }
    const sources = [[1, 2], new Set([1, 2]), generate(), new Float64Array([1, 2])];
    for (const source of sources) {
      using list = ShareableList.create(source as Iterable<number>);
      expect(list.toArray()).toEqual([1, 2]);
    }
    using letters = ShareableList.create('añ🦀');
    expect(letters.toArray()).toEqual(['a', 'ñ', '🦀']);
  });

  test('takes another list', () => {
    using list = ShareableList.create([1, 'two', null]);
    using copy = ShareableList.create(list);
    expect(copy.toArray()).toEqual([1, 'two', null]);
    expect(copy.name).not.toBe(list.name);
  });

  test('takes an empty iterable', () => {
    using list = ShareableList.create([]);
    expect([list.length, list.format, list.toArray()]).toEqual([0, '', []]);
    expect(list.shm.size).toBe(16);
    using same = ShareableList.attach(list.name);
    expect(same.length).toBe(0);
    expect(() => list.get(0)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'index out of range');
  });

  test('copies bytes, so that a later change to the source changes nothing', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    using list = ShareableList.create([bytes]);
    bytes.fill(0);
    expect(list.get(0)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('returns bytes as a copy, so that changing them changes nothing', () => {
    using list = ShareableList.create([Uint8Array.of(1, 2, 3)]);
    list.get(0).fill(0);
    expect(list.get(0)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test.skipIf(!platform.controlsShmFolder)('takes name, mode and track as a segment does', () => {
    const name = freshName();
    {
      using list = ShareableList.create([1], { name, mode: 0o400, track: false });
      expect(list.name).toBe(name);
      expect(list.shm.isOwner).toBe(false);
      expect(statSync(pathOf(name)).mode & 0o777).toBe(0o400);
    }
    using later = ShareableList.attach(name);
    expect(later.toArray()).toEqual([1]);
    later.unlink();
  });

  test.skipIf(!platform.namesByPsm)('chooses a random name as a segment does', () => {
    using list = ShareableList.create([1]);
    expect(list.name).toMatch(/^psm_[0-9a-z]{16,26}$/);
    expect(list.shm.name).toBe(list.name);
  });

  test('never overwrites an existing segment', () => {
    using list = ShareableList.create([1]);
    expect(() => ShareableList.create([2], { name: list.name })).toFailWith(SegmentExistsError, 'EEXIST', list.name);
    expect(list.get(0)).toBe(1);
  });

  test('needs exactly the bytes that CPython needs', () => {
    using list = ShareableList.create([1, 'abcdefgh', Uint8Array.of(1), null]);
    // Length, 5 offsets, slots of 8, 16, 8 and 8 bytes, 4 formats, 4 codes.
    expect(list.shm.size).toBe(8 + 5 * 8 + (8 + 16 + 8 + 8) + 4 * 8 + 4);
  });

  test('is, with attach, the only way to get an instance', () => {
    // @ts-expect-error the constructor is private
    expect(() => new ShareableList()).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'ShareableList.create(values)');
  });
});

describe('attach', () => {
  test('opens a list by name, by handle, and by its JSON', () => {
    using list = ShareableList.create([1, 'two']);
    using byName = ShareableList.attach<number | string>(list.name);
    using byHandle = ShareableList.attach<number | string>(list.toJSON());
    using byJson = ShareableList.attach<number | string>(JSON.parse(JSON.stringify(list)));
    list.set(0, 3);
    for (const same of [byName, byHandle, byJson]) {
      expect(same.toArray()).toEqual([3, 'two']);
      expect(same.shm.isOwner).toBe(false);
    }
  });

  test('opens a list in a segment that is larger than the list', () => {
    using list = ShareableList.create([1, 'two']);
    using larger = SharedMemory.create(16_384);
    larger.buf.set(list.shm.buf);
    using found = ShareableList.attach(larger.name);
    expect(found.toArray()).toEqual([1, 'two']);
  });

  test('reads the segment, not the handle: the list may hold other types than at creation', () => {
    using list = ShareableList.create<string | number>(['text']);
    list.set(0, 5);
    using same = ShareableList.attach<number>(list.toJSON());
    expect(same.get(0)).toBe(5);
  });
});

describe('the end of a list', () => {
  test('unlinks for the owner only', async () => {
    const name = freshName();
    {
      using _list = ShareableList.create([1], { name });
      {
        using _attached = ShareableList.attach(name);
        await using _another = ShareableList.attach(name);
      }
      expect(exists(name)).toBe(true);
    }
    expect(exists(name)).toBe(false);
  });

  test('unlinks at the end of an await using scope', async () => {
    const name = freshName();
    {
      await using _list = ShareableList.create([1], { name });
    }
    expect(exists(name)).toBe(false);
  });

  test('can be explicit: close keeps the name, unlink removes it', () => {
    const list = ShareableList.create([1, 2]);
    list.close();
    list.close();
    expect(list.shm.closed).toBe(true);
    using again = ShareableList.attach(list.name);
    expect(again.toArray()).toEqual([1, 2]);
    list.unlink();
    expect(exists(list.name)).toBe(false);
    list[Symbol.dispose]();
  });
});

describe('a handle', () => {
  test('has the same size for any length of the list', () => {
    using short = ShareableList.create([1]);
    using long = ShareableList.create(new Float64Array(100_000));
    expect(short.toJSON()).toEqual({ type: 'ShareableList', name: short.name });
    expect(JSON.stringify(long)).toHaveLength(JSON.stringify(short).length);
  });

  test('of a list is not accepted for a segment, nor the other way round', () => {
    using list = ShareableList.create([1]);
    const asList = list.toJSON() as never;
    const asSegment = list.shm.toJSON() as never;
    expect(() => SharedMemory.attach(asList)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'SharedMemory');
    expect(() => ShareableList.attach(asSegment)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'ShareableList');
  });
});
