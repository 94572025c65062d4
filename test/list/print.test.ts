import { inspect } from 'node:util';

import { ShareableList } from 'shareable';
import { expect, test } from 'vitest';

test('a list prints as CPython prints it, with the values of JavaScript', () => {
  using list = ShareableList.create([0, 1, 2]);
  expect(list.toString()).toBe(`ShareableList([0, 1, 2], name='${list.name}')`);
  using mixed = ShareableList.create([1.5, 'it', true, null, 2n ** 60n, -0, Number.NaN]);
  const text = `ShareableList([1.5, 'it', true, null, 1152921504606846976n, -0, NaN], name='${mixed.name}')`;
  expect(String(mixed)).toBe(text);
  expect(inspect(mixed)).toBe(text);
  expect(inspect([mixed])).toContain(text);
});

test('text with quotes and control characters is printed in quotes', () => {
  using list = ShareableList.create(["it's", '\n\u001b[31m']);
  expect(String(list)).toContain(`["it's", '\\n\\x1B[31m']`);
});

test('bytes are printed as bytes', () => {
  using list = ShareableList.create([Uint8Array.of(1, 255)]);
  expect(String(list)).toMatch(/Uint8Array\(2\) \[ 1, 255 \]/);
});

test('an empty list prints', () => {
  using list = ShareableList.create([]);
  expect(String(list)).toBe(`ShareableList([], name='${list.name}')`);
});

test('a long list prints its start and the number of further items', () => {
  using list = ShareableList.create(Array.from({ length: 100_000 }, (_, index) => index));
  const text = String(list);
  expect(text.length).toBeLessThan(2000);
  expect(text).toMatch(/^ShareableList\(\[0, 1, 2, /);
  expect(text).toContain('99900 more');
  expect(inspect(list)).toBe(text);
});

test('a closed list prints, without values', () => {
  using list = ShareableList.create([1, 2]);
  list.close();
  for (const text of [String(list), inspect(list), inspect({ list })]) {
    expect(text).toContain(`name='${list.name}'`);
    expect(text).toContain('closed');
  }
});

test('a list with a broken slot prints the others', () => {
  using list = ShareableList.create([1, 2, 3]);
  const formats = 8 + 4 * 8 + 3 * 8;
  list.shm.buf.fill(0xff, formats + 8, formats + 16);
  expect(String(list)).toBe(`ShareableList([1, unreadable, 3], name='${list.name}')`);
});

test('JSON of a list is its handle', () => {
  using list = ShareableList.create([1, 2]);
  expect(JSON.stringify(list)).toBe(`{"type":"ShareableList","name":"${list.name}"}`);
});
