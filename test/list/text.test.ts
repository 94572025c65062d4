/** Strings and bytes: sizes in UTF-8, NULs at the end, what does not fit. */
import { runInNewContext } from 'node:vm';

import { LayoutError, ShareableList, SlotFullError } from 'shareable';
import { describe, expect, test } from 'vitest';

const utf8 = (text: string) => new TextEncoder().encode(text);
const TOO_LONG = 'exceeds available storage';

describe('text', () => {
  test.each([
    ['', 8],
    ['a', 8],
    ['1234567', 8],
    ['12345678', 16],
    ['x'.repeat(15), 16],
    ['x'.repeat(16), 24],
    ['ééé', 8],
    ['éééé', 16],
    ['日本語', 16],
    ['🦀', 8],
    ['🦀🦀', 16],
    ['é'.repeat(7), 16],
  ])('%j gets a slot of %i bytes and comes back', (text, bytes) => {
    using list = ShareableList.create([text]);
    expect(list.format).toBe(`${bytes}s`);
    expect(list.get(0)).toBe(text);
  });

  test.each([
    '\u0000inside\u0000too',
    'a\u{10ffff}b',
    '\u200b',
    '\ufeffBOM',
    'ﷺ',
    '👩‍👩‍👧',
    'e\u0301',
    '\r\n\t',
    '\ufffd',
    '\ud83e\udd80',
  ])('%j comes back as it went in, not normalized', (text) => {
    using list = ShareableList.create([text, 'x'.repeat(40)]);
    list.set(1, text);
    expect(list.toArray()).toEqual([text, text]);
  });

  test.each(['\ud800', '\udc00', 'a\ud800', '\udc00a', '\udc00\ud800', 'ok\ud83e!'])(
    '%j, with a lone surrogate, is a TypeError and changes nothing',
    (text) => {
      expect(() => ShareableList.create(['ok', text])).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'item 1');
      using list = ShareableList.create(['before', 1]);
      for (const slot of [0, 1]) {
        expect(() => list.set(slot, text)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', `item ${slot}`);
      }
      expect(list.toArray()).toEqual(['before', 1]);
    },
  );

  test('of each short length is what the slot holds at each of many reads, also after other text was there', () => {
    const texts = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(i % 25, 'xyz').slice(0, i % 25));
    using list = ShareableList.create(texts.map(() => 'x'.repeat(23)));
    for (const shift of [0, 0, 0, 1, 1, 25, 500, 0]) {
      const shifted = [...texts.slice(shift), ...texts.slice(0, shift)];
      for (const [index, text] of shifted.entries()) list.set(index, text);
      expect(list.toArray()).toEqual(shifted);
      expect(list.toArray()).toEqual(shifted);
    }
  });

  test.each([12, 13, 16, 20, 23, 24])(
    'of %i characters is written whole, or refused if its bytes do not fit',
    (length) => {
      using list = ShareableList.create(['x'.repeat(23)]);
      const texts = [
        'abcdefghijklmnopqrstuvwx',
        'é'.repeat(24),
        'abcdefghijk\u00e9mnopqrstuvwx',
        '日'.repeat(24),
        '\u007f'.repeat(24),
      ];
      for (let time = 0; time < 10; time++) {
        for (const text of texts.map((whole) => whole.slice(0, length))) {
          list.set(0, 'before');
          const fits = utf8(text).length <= 24;
          let refusal: unknown;
          try {
            list.set(0, text);
          } catch (thrown) {
            refusal = thrown;
          }
          expect(refusal instanceof SlotFullError).toBe(!fits);
          expect(list.get(0)).toBe(fits ? text : 'before');
        }
      }
    },
  );

  test('that differs in the highest bit of its last byte only is not taken for another', () => {
    using list = ShareableList.create(['x'.repeat(15), 'x'.repeat(15)]);
    list.set(0, '12345678');
    list.set(1, '12345678');
    const texts = list.shm.buf.subarray(4 * 8, 8 * 8);
    const other = new TextDecoder().decode(texts.slice(0, 16));
    expect(other).toBe('12345678'.padEnd(16, '\0'));
    // No UTF-8, and as a double a negative zero.
    texts[31] = 0x80;
    for (let time = 0; time < 10; time++) {
      expect(list.get(0)).toBe('12345678');
      expect(() => list.get(1)).toThrow(LayoutError);
    }
  });

  test('of 99,999 bytes gets a slot of 100,000 and comes back', () => {
    using list = ShareableList.create(['x'.repeat(99_999)]);
    expect(list.format).toBe('100000s');
    expect(list.get(0)).toBe('x'.repeat(99_999));
  });

  test.each([8, 16, 24, 32])('of each length that a slot of %i bytes takes is stored as it is, and padded', (bytes) => {
    using list = ShareableList.create(['x'.repeat(bytes - 1), 'the neighbour']);
    const slot = list.shm.buf.subarray(32, 32 + bytes);
    const starts = Array.from({ length: bytes }, (_, length) => 'x\0y'.repeat(bytes).slice(0, length));
    const ends = ['', 'a', '\u0001', '\u007f', '\u0080', '\u00ff', 'é', '\u0100', '日'];
    const texts = starts.flatMap((start) => ends.map((end) => start + end));
    for (const text of texts.filter((one) => !one.endsWith('\0') && utf8(one).length <= bytes)) {
      list.set(0, text);
      const padded = Buffer.alloc(bytes);
      padded.write(text);
      expect(Buffer.from(slot)).toEqual(padded);
      expect(list.toArray()).toEqual([text, 'the neighbour']);
      expect(list.format).toBe(`${bytes}s16s`);
    }
  });

  test('that is shorter than the old text replaces all of it', () => {
    using list = ShareableList.create(['a long text of some thirty bytes']);
    list.set(0, 'short');
    expect(list.get(0)).toBe('short');
    expect(Buffer.from(list.shm.buffer).includes('text')).toBe(false);
    list.set(0, '');
    expect(list.get(0)).toBe('');
  });

  test('keeps the size of its slot, through other types too', () => {
    using list = ShareableList.create<string | number | null>(['x'.repeat(20)]);
    list.set(0, 5);
    list.set(0, null);
    list.set(0, 'y'.repeat(24));
    expect([list.get(0), list.format]).toEqual(['y'.repeat(24), '24s']);
    expect(() => list.set(0, 'y'.repeat(25))).toFailWith(SlotFullError, 'ERR_SHM_SLOT_FULL', TOO_LONG);
  });

  test('fills its slot to the last byte', () => {
    using list = ShareableList.create<string | number>(['abc', 1]);
    list.set(0, '12345678');
    list.set(1, 'éééé');
    expect(list.toArray()).toEqual(['12345678', 'éééé']);
    expect(list.format).toBe('8s8s');
  });

  test.each([
    ['nine letters', '123456789'],
    ['nine bytes in five letters', 'ééééa'],
    ['three crabs', '🦀🦀🦀'],
    ['nine bytes of which the last is NUL', '12345678\0'],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('that does not fit, such as %s, is refused, and the old value stays', (_, text) => {
    using list = ShareableList.create(['before', 7, 1.5, true, null, utf8('old')]);
    for (let slot = 0; slot < list.length; slot++) {
      expect(() => list.set(slot, text)).toFailWith(SlotFullError, 'ERR_SHM_SLOT_FULL', TOO_LONG);
      expect(() => list.set(slot, utf8(text))).toFailWith(SlotFullError, 'ERR_SHM_SLOT_FULL', TOO_LONG);
    }
    expect(list.toArray()).toEqual(['before', 7, 1.5, true, null, utf8('old')]);
    expect(list.format).toBe('8sqdxxxxxxx?xxxxxx?x8s');
  });
});

describe('bytes', () => {
  test.each([0, 1, 7, 8, 9, 255, 4096])('of length %i come back', (length) => {
    const bytes = Uint8Array.from({ length }, (_, index) => 255 - (index % 255));
    using list = ShareableList.create([bytes]);
    expect(list.get(0)).toEqual(bytes);
    expect(list.format).toBe(`${8 * (Math.floor(length / 8) + 1)}s`);
  });

  test('need not be UTF-8', () => {
    const bytes = Uint8Array.of(0xff, 0xfe, 0x80, 0xc0);
    using list = ShareableList.create([bytes]);
    expect(list.get(0)).toEqual(bytes);
  });

  test('come back as a Uint8Array from every kind of one', () => {
    using list = ShareableList.create([Buffer.from('abc'), new Uint8Array(new SharedArrayBuffer(3)).fill(1)]);
    for (const bytes of list) expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    expect(list.get(0)).toEqual(Uint8Array.of(97, 98, 99));
  });

  test('that are a part of a larger buffer are that part only', () => {
    const all = Uint8Array.of(0, 1, 2, 3, 4, 5);
    using list = ShareableList.create([all.subarray(2, 4)]);
    expect(list.get(0)).toEqual(Uint8Array.of(2, 3));
  });

  test('may be a part of the list itself', () => {
    using list = ShareableList.create([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)]);
    const second = list.shm.buf.subarray(8 + 3 * 8 + 8, 8 + 3 * 8 + 8 + 3);
    list.set(0, second);
    expect(list.get(0)).toEqual(Uint8Array.of(4, 5, 6));
  });

  test('can come from another context, as in test runners and REPLs', () => {
    const bytes = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
    using list = ShareableList.create<Uint8Array>([Uint8Array.of(9, 9, 9)]);
    list.set(0, bytes);
    expect(list.get(0)).toEqual(Uint8Array.of(1, 2, 3));
    expect(list.indexOf(bytes)).toBe(0);
  });

  test('of a detached buffer are empty', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    using list = ShareableList.create([bytes]);
    expect(list.get(0)).toEqual(new Uint8Array(0));
  });
});

describe('the longest slot', () => {
  test('has seven digits, and holds 9,999,991 bytes made and 9,999,992 set', () => {
    using list = ShareableList.create(['x'.repeat(9_999_991)]);
    expect(list.format).toBe('9999992s');
    const full = 'y'.repeat(9_999_992);
    list.set(0, full);
    expect(list.get(0) === full).toBe(true);
  });

  test.each([9_999_992, 9_999_993, 20_000_000])('is less than what %i bytes need', (length) => {
    for (const value of ['x'.repeat(length), new Uint8Array(length).fill(1)]) {
      expect(() => ShareableList.create([value])).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', /slot 0|item 0/);
    }
  });
});
