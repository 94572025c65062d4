/** The version numbers of slots, past the end of the segment, and lists that have no room for them. */
import { SegmentClosedError, ShareableList, slot } from 'shareable';
import { describe, expect, test } from 'vitest';

/** Reads and writes often enough that the fast path is in use, if there is one. */
const TIMES = 10;

describe.each([
  // Four numbers, and text that fills the segment up to this size.
  ['with version numbers', 3960 - 8, 4085],
  ['whose last page has three bytes left', 3960, 4093],
  ['that fills its last page and one byte of the next', 3960 + 8, 4101],
])('a list %s', (_, room, size) => {
  test('reads and writes each type, and changes types', () => {
    using list = ShareableList.create<number | boolean | string | null | bigint>([
      1,
      1.5,
      true,
      null,
      slot(room, 'text'),
    ]);
    expect(list.shm.size).toBe(size);
    for (let time = 0; time < TIMES; time++) {
      expect(list.toArray()).toEqual([1, 1.5, true, null, 'text']);
      list.set(4, 'other');
      list.set(0, 2n ** 60n);
      list.set(1, 'seven b');
      list.set(2, null);
      list.set(3, false);
      expect(list.toArray()).toEqual([2n ** 60n, 'seven b', null, false, 'other']);
      for (const [index, value] of [1, 1.5, true, null, 'text'].entries()) list.set(index, value);
    }
  });

  test('shares its bytes with the views of its segment, and ends with them', () => {
    using list = ShareableList.create<number | string>([1, 2, 3, 4, slot(room, 'text')]);
    const view = new BigInt64Array(list.shm.buffer, 0, 1);
    for (let time = 0; time < TIMES; time++) list.set(4, 'over');
    expect(list.shm.buf.length).toBe(size);
    const text = list.shm.buf.subarray(8 * 7 + 8 * 4, 8 * 7 + 8 * 4 + 4);
    expect(new TextDecoder().decode(text.slice())).toBe('over');
    text[0] = 'e'.charCodeAt(0);
    expect(list.get(4)).toBe('ever');
    expect(view[0]).toBe(5n);
    list.close();
    expect(view.length).toBe(0);
    expect(() => list.get(4)).toThrow(SegmentClosedError);
    expect(() => list.set(4, 'late')).toThrow(SegmentClosedError);
  });
});
