/** Values that end in NUL, which CPython loses: they record their exact length, in a format that CPython can read. */
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { exists, freshName } from '../support/segments.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('a value that ends in NUL', () => {
  test.each([
    ['\0', '1s7x'],
    ['a\0', '2s6x'],
    ['abcd\0', '5s3x'],
    ['abcdef\0', '7s1x'],
    ['\0\0\0\0\0\0\0', '7s1x'],
    ['1234567\0', '8s8x'],
    ['é\0', '3s5x'],
    ['12345678\0\0\0', '11s5x'],
    [`${'x'.repeat(39)}\0`, '40s8x'],
  ])('comes back as it is: %j, in %s', (text, format) => {
    using list = ShareableList.create([text, utf8(text)]);
    expect(list.format).toBe(format.repeat(2));
    expect(list.get(0)).toBe(text);
    expect(list.get(1)).toEqual(utf8(text));
  });

  test('fills a slot with format 8s0x', () => {
    using list = ShareableList.create<string | Uint8Array>(['abc', utf8('abc')]);
    list.set(0, '1234567\0');
    list.set(1, utf8('1234567\0'));
    expect(list.format).toBe('8s0x8s0x');
    expect(list.toArray()).toEqual(['1234567\0', utf8('1234567\0')]);
  });

  test('can be set and replaced, and leaves the slot its size', () => {
    using list = ShareableList.create(['twelve bytes']);
    const steps: [string, string][] = [
      ['a\0', '2s14x'],
      ['twelve bytes', '16s'],
      ['\0'.repeat(16), '16s0x'],
      ['a\0b', '16s'],
      ['', '16s'],
      ['sixteen letters!', '16s'],
    ];
    for (const [value, format] of steps) {
      list.set(0, value);
      expect([list.get(0), list.format]).toEqual([value, format]);
    }
  });

  test('that is replaced by a number and set again has its whole slot', () => {
    using list = ShareableList.create<string | number>(['a\0']);
    list.set(0, 1);
    list.set(0, '12345678');
    expect([list.get(0), list.format]).toEqual(['12345678', '8s']);
  });

  test('is distinguished from the value without it', () => {
    using list = ShareableList.create(['a', 'a\0', 'a\0\0']);
    expect(list.indexOf('a')).toBe(0);
    expect(list.indexOf('a\0')).toBe(1);
    expect(list.indexOf('a\0\0')).toBe(2);
    expect(list.count('a')).toBe(1);
  });
});

describe('a format of eight characters', () => {
  test.each([
    [99_999, '99999s1x'],
    [100_000, '100000sx'],
    [150_001, '150001sx'],
    [999_999, '999999sx'],
  ])('records the exact length of a value of %d bytes', (length, format) => {
    const bytes = new Uint8Array(length).fill(7, 0, -1);
    using list = ShareableList.create([bytes, `${'x'.repeat(length - 1)}\0`, 1]);
    expect(list.format).toBe(`${format}${format}q`);
    // Buffer#equals, because toEqual compares one element after the other.
    expect(Buffer.from(list.get(0)).equals(bytes)).toBe(true);
    expect(list.get(1)).toBe(`${'x'.repeat(length - 1)}\0`);
    expect(list.get(2)).toBe(1);
  });

  test('records it with one pad byte where the number of pad bytes has too many digits, and with none in a full slot', () => {
    using list = ShareableList.create<string | Uint8Array>(['x'.repeat(150_000)]);
    const steps: [string, string][] = [
      ['y\0', '2sx'],
      [`${'z'.repeat(150_006)}\0`, '150007sx'],
      ['\0'.repeat(150_008), '150008s '],
      ['ten bytes.', '150008s'],
    ];
    for (const [value, format] of steps) {
      list.set(0, value);
      expect(list.get(0) === value).toBe(true);
      expect(list.format).toBe(format);
    }
  });

  test('cannot record the length of longer ones: a RangeError says so', () => {
    const name = freshName();
    const values = [`${'x'.repeat(999_999)}\0`, new Uint8Array(1_000_000)];
    for (const value of values) {
      expect(() => ShareableList.create([value], { name })).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'NUL');
    }
    expect(exists(name)).toBe(false);
    using list = ShareableList.create<string | Uint8Array>(['x'.repeat(1_000_000)]);
    for (const value of values) {
      expect(() => list.set(0, value)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'at most 999999');
    }
    expect([list.get(0) === 'x'.repeat(1_000_000), list.format]).toEqual([true, '1000008s']);
  });
});
