import { SegmentClosedError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

describe('iterating', () => {
  test('gives the values in order, each time again', () => {
    using list = ShareableList.create([1, 'two', null]);
    expect([...list]).toEqual([1, 'two', null]);
    expect([...list]).toEqual([1, 'two', null]);
    expect(Array.from(list.values())).toEqual([1, 'two', null]);
  });

  test('gives keys and entries as an array does', () => {
    const values = ['a', 'b'];
    using list = ShareableList.create(values);
    expect([...list.keys()]).toEqual([...values.keys()]);
    expect([...list.entries()]).toEqual([...values.entries()]);
  });

  test('works with spread, for-of and destructuring', () => {
    using list = ShareableList.create([3, 4]);
    const [first, second, third] = list;
    expect([first, second, third]).toEqual([3, 4, undefined]);
    expect(Math.max(...list)).toBe(4);
    expect(new Map(list.entries()).get(1)).toBe(4);
    expect(Array.from(list, (value) => value * 2)).toEqual([6, 8]);
  });

  test('reads each value when it is reached', () => {
    using list = ShareableList.create([1, 2]);
    const values = list.values();
    expect(values.next()).toEqual({ done: false, value: 1 });
    list.set(1, 5);
    expect(values.next()).toEqual({ done: false, value: 5 });
    expect(values.next()).toEqual({ done: true, value: undefined });
  });

  test('can run beside another iteration, and beside changes', () => {
    using list = ShareableList.create([1, 2, 3]);
    const seen: number[] = [];
    for (const outer of list) {
      for (const inner of list) seen.push(outer * 10 + inner);
    }
    expect(seen).toEqual([11, 12, 13, 21, 22, 23, 31, 32, 33]);
    for (const [index, value] of list.entries()) list.set(index, value + 1);
    expect(list.toArray()).toEqual([2, 3, 4]);
  });

  test('ends with ERR_SHM_CLOSED when the list is closed during it', () => {
    using list = ShareableList.create([1, 2]);
    const values = list.values();
    values.next();
    list.close();
    expect(() => values.next()).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
  });

  test('yields nothing for an empty list', () => {
    using list = ShareableList.create([]);
    expect([[...list], [...list.keys()], [...list.entries()], list.toArray()]).toEqual([[], [], [], []]);
  });
});

describe('toArray', () => {
  test('returns a plain array that is independent of the list', () => {
    using list = ShareableList.create([1, 2]);
    const array = list.toArray();
    array.push(3);
    array[0] = 9;
    expect(list.toArray()).toEqual([1, 2]);
    expect(Array.isArray(array)).toBe(true);
  });
});

describe('after close', () => {
  test('every use fails with ERR_SHM_CLOSED', () => {
    using list = ShareableList.create([1, 'two']);
    list.close();
    const uses = [
      () => list.get(0),
      () => list.get(1),
      () => list.at(0),
      () => list.set(0, 1),
      () => list.set(1, 'x'),
      () => list.add(0, 1),
      () => list.count(1),
      () => list.indexOf(1),
      () => list.includes(1),
      () => list.toArray(),
      () => [...list],
      () => [...list.entries()],
      () => list.format,
      () => list.shm.buf,
    ];
    for (const use of uses) expect(use).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
  });

  test('the error names the segment', () => {
    using list = ShareableList.create(['one']);
    list.close();
    expect(() => list.get(0)).toThrow(expect.objectContaining({ segment: list.name }));
    expect(() => list.set(0, 'x')).toThrow(expect.objectContaining({ segment: list.name }));
  });

  test('length, name and handle stay readable', () => {
    using list = ShareableList.create([1, 'two']);
    const { length, name } = list;
    list.close();
    expect([list.length, list.name, list.toJSON()]).toEqual([length, name, { type: 'ShareableList', name }]);
  });

  test('closing the segment closes the list', () => {
    using list = ShareableList.create([1]);
    list.shm.close();
    expect(() => list.get(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
  });
});
