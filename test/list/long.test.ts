import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

const LENGTH = 1_000_000;

describe('a list of a million', () => {
  test('numbers keeps every one', () => {
    const values = Array.from({ length: LENGTH }, (_, index) => (index % 3 === 0 ? index / 2 : index));
    using list = ShareableList.create(values);
    using same = ShareableList.attach<number>(list.name);
    expect(same.length).toBe(LENGTH);
    for (const array of [same.toArray(), [...same]]) {
      expect(array.findIndex((value, index) => value !== values[index])).toBe(-1);
    }
    expect([same.get(-1), same.indexOf(LENGTH - 1), same.indexOf(-1), same.count(1.5)]).toEqual([
      values[LENGTH - 1],
      values.indexOf(LENGTH - 1),
      -1,
      1,
    ]);
    list.set(LENGTH - 1, 7);
    expect(same.get(LENGTH - 1)).toBe(7);
  });

  test('values of all kinds keeps every one', () => {
    const kinds: ((index: number) => Storable)[] = [
      (index) => index,
      (index) => index + 0.5,
      (index) => index % 4 === 2,
      (index) => `item ${index}`,
      (index) => Uint8Array.of(index % 256, 1),
      () => null,
    ];
    const values = Array.from({ length: LENGTH / 4 }, (_, index) => kinds[index % kinds.length]?.(index) ?? null);
    using list = ShareableList.create(values);
    const found = list.toArray();
    const differs = (value: Storable, index: number) => String(value) !== String(values[index]);
    expect(found.findIndex(differs)).toBe(-1);
    expect(list.indexOf('item 249999')).toBe(249_999);
    expect(list.count(null)).toBe(values.filter((value) => value === null).length);
  });
});
