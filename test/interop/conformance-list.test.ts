/**
 * What CPython's own tests expect of ShareableList. Where this library answers in another way, the test says so, beginning
 * with "other than CPython:".
 */
import type { Storable } from 'shareable';
import { SegmentNotFoundError, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';

const MIXED = ['howdy', Buffer.from('HoWdY'), -273.154, 100, null, true, 42] as Storable[];
const same = (values: Storable[]) =>
  values.map((value) => (value instanceof Uint8Array ? Uint8Array.from(value) : value));
const mixed = () => ShareableList.create<Storable>(MIXED);

describe('a list of every type', () => {
  test('prints its values and its name', () => {
    using list = mixed();
    expect(String(list)).toContain(list.name);
    for (const part of ["'howdy'", '-273.154', '100', 'null', 'true', '42']) expect(String(list)).toContain(part);
  });

  test('has the formats that CPython gives it, a length, and its values in order', () => {
    using list = mixed();
    expect(list.format).toBe('8s8sdqxxxxxx?xxxxxxxx?q');
    expect(list.length).toBe(7);
    expect([...list]).toEqual(same(MIXED));
    expect([list.get(0), list.get(-2)]).toEqual(['howdy', true]);
  });

  test('has no seventh item', () => {
    using list = mixed();
    expect(() => list.get(7)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', /^index out of range: index 7, length 7$/);
    expect(() => list.set(7, 2)).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      /^assignment index out of range: index 7, length 7$/,
    );
  });

  test('keeps the format of text that is replaced by text', () => {
    using list = mixed();
    list.set(0, 'howdy');
    expect(list.format).toBe('8s8sdqxxxxxx?xxxxxxxx?q');
  });

  test('finds what it holds', () => {
    using list = mixed();
    expect(list.indexOf(100)).toBe(3);
    list.set(3, 42);
    expect(list.count(42)).toBe(2);
    expect(list.count(Buffer.from('HoWdY'))).toBe(1);
    expect(list.count(Buffer.from('adios'))).toBe(0);
  });

  test('other than CPython: a missing value has the index -1, as in an Array, and raises nothing', () => {
    using list = mixed();
    expect(list.indexOf('100')).toBe(-1);
    using empty = ShareableList.create<Storable>([]);
    expect(empty.indexOf(null)).toBe(-1);
  });

  test('other than CPython: true is not 1', () => {
    using list = mixed();
    expect([list.indexOf(1), list.count(1)]).toEqual([-1, 0]);
  });

  test('changes a type in place, where the value fits', () => {
    using list = mixed();
    list.set(4, 'some');
    expect(list.get(4)).toBe('some');
    expect(list.format).toBe('8s8sdq8sxxxxxxx?q');
    expect(() => list.set(4, 'far too many')).toThrow(/exceeds available storage/);
    expect(list.get(4)).toBe('some');
  });

  test('measures text by its bytes, and never writes into the next slot', () => {
    using list = mixed();
    list.set(0, 'encodés');
    expect([list.get(0), list.get(1)]).toEqual(['encodés', Uint8Array.from(Buffer.from('HoWdY'))]);
    expect(() => list.set(0, 'encodées')).toThrow(/exceeds available storage/);
    expect(() => list.set(1, Buffer.from('123456789'))).toThrow(/exceeds available storage/);
    expect([list.get(0), list.get(1)]).toEqual(['encodés', Uint8Array.from(Buffer.from('HoWdY'))]);
  });

  test('other than CPython: create measures bytes too, so that no text is cut off', () => {
    using list = ShareableList.create(['é'.repeat(7)]);
    expect([list.get(0), list.format]).toEqual(['é'.repeat(7), '16s']);
  });

  test('other than CPython: a failed write, which there can change the type, changes nothing', () => {
    using list = ShareableList.create<Storable>(['abc']);
    expect(() => list.set(0, 2n ** 70n)).toThrow(RangeError);
    expect([list.get(0), list.format]).toEqual(['abc', '8s']);
  });
});

describe('lists', () => {
  test('can be created from one another, and are then independent', () => {
    using list = mixed();
    const name = freshName();
    using copy = ShareableList.create(list, { name });
    expect(copy.name).toBe(name);
    expect([...copy]).toEqual([...list]);
    expect(copy.format).toBe(list.format);
    copy.set(-1, 77);
    expect([copy.get(-1), list.get(-1)]).toEqual([77, 42]);
  });

  test('attached by name are the same list', () => {
    using list = mixed();
    using other = ShareableList.attach<Storable>(list.name);
    other.set(-1, 880);
    expect(list.get(-1)).toBe(880);
  });

  test('can be empty', () => {
    using list = ShareableList.create<Storable>([]);
    expect([list.length, list.format, list.count('any')]).toEqual([0, '', 0]);
  });

  test('have handles of the same size for any length', () => {
    const numbers = (length: number) => Array.from({ length }, (_, index) => index);
    using list = ShareableList.create<Storable>(numbers(10));
    using larger = ShareableList.create(numbers(400));
    expect(JSON.stringify(larger).length).toBe(JSON.stringify(list).length);
    using arrived = ShareableList.attach<Storable>(JSON.parse(JSON.stringify(list)));
    expect(arrived).toBeInstanceOf(ShareableList);
    expect(arrived.get(-1)).toBe(9);
    arrived.set(4, 'changed');
    list.set(3, 'newvalue');
    expect([list.get(4), arrived.get(3)]).toEqual(['changed', 'newvalue']);
  });

  test('are not found when they are removed before their handles arrive', () => {
    const list = ShareableList.create([1, 2]);
    const handle = JSON.stringify(list);
    list[Symbol.dispose]();
    expect(() => ShareableList.attach(JSON.parse(handle))).toFailWith(SegmentNotFoundError, 'ENOENT');
  });
});
