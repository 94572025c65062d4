/** Text takes one of three ways to JavaScript, by its highest character, and one of two from there, by its length. */
import { ShareableList } from 'shareable';
import { expect, test } from 'vitest';

/** The last characters of each way, and the first of the next. */
const CHARACTERS = ['\u007f', '\u0080', 'À', '\u00bf', 'ÿ', 'Ā', '漢', '\uffff', '😀'];
/** Around the length that one call fetches. */
const BYTES = [1, 23, 24, 25, 4080, 4091, 4092, 4093, 4095, 4096, 4097, 10_000];

test.each(CHARACTERS)('text of %j comes back at every length', (character) => {
  const size = Buffer.byteLength(character);
  for (const bytes of BYTES) {
    const text = character.repeat(Math.ceil(bytes / size));
    using list = ShareableList.create([`${text} `]);
    list.set(0, text);
    expect(list.get(0) === text).toBe(true);
    expect(list.indexOf(text)).toBe(0);
  }
});

test('text of every kind of character comes back', () => {
  const text = `${CHARACTERS.join('')}a${CHARACTERS.toReversed().join('b')}`;
  using list = ShareableList.create([text]);
  expect(list.get(0)).toBe(text);
});
