/** Text takes one of several ways to JavaScript and back, by its highest character and its length. */
import { ShareableList } from 'shareable';
import { expect, test } from 'vitest';

/** The last characters of each way, and the first of the next. */
const CHARACTERS = ['\u007f', '\u0080', 'À', '\u00bf', 'ÿ', 'Ā', '漢', '\uffff', '😀'];
/** Around the lengths at which the way changes: of a few words, of formats with four digits, and what one call fetches. */
const BYTES = [
  1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 26, 100, 255, 256, 375, 376, 383, 384, 385, 631, 632, 639, 640, 641, 990, 999,
  1000, 1023, 4080, 4091, 4092, 4093, 4095, 4096, 4097, 10_000,
];
/** The addon does the first reads of a list, and the package the others. */
const READS = 8;

test.each(CHARACTERS)('text of %j comes back at every length', (character) => {
  const size = Buffer.byteLength(character);
  for (const bytes of BYTES) {
    const text = character.repeat(Math.ceil(bytes / size));
    using list = ShareableList.create([`${text} `]);
    list.set(0, text);
    for (let read = 0; read < READS; read++) expect(list.get(0) === text).toBe(true);
    const shorter = text.slice(character.length);
    list.set(0, shorter);
    for (let read = 0; read < READS; read++) expect(list.get(0) === shorter).toBe(true);
    list.set(0, text);
    expect(list.indexOf(text)).toBe(0);
  }
});

test('text of every kind of character comes back', () => {
  const text = `${CHARACTERS.join('')}a${CHARACTERS.toReversed().join('b')}`;
  using list = ShareableList.create([text]);
  expect(list.get(0)).toBe(text);
});

test.each([30, 300, 1200, 1300])(
  'text of %i bytes may have NULs in it, and one other character at any place',
  (bytes) => {
    for (const place of [0, 7, 8, bytes - 9, bytes - 8, bytes - 1]) {
      for (const character of ['\0', 'é']) {
        const text = `${'a'.repeat(place)}${character}${'b'.repeat(bytes - place - 1)}`;
        using list = ShareableList.create([`${text}xx`]);
        list.set(0, text);
        for (let read = 0; read < READS; read++) expect(list.get(0) === text).toBe(true);
      }
    }
  },
);
