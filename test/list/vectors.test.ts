/**
 * Single slots that Rust and TypeScript both read and write: `layout/tests/vectors.rs` runs the same file through Rust,
 * and here numbers, bools, None and short text take the fast path in TypeScript.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Storable } from 'shareable';
import { LayoutError, ShareableList, SharedMemory } from 'shareable';
import { expect, test } from 'vitest';

import { listBytes } from '../support/list-bytes.ts';
import { bytesOf } from '../support/segments.ts';

const file = join(import.meta.dirname, '../../crates/core/tests/golden/slots.tsv');

function valueOf(kind: string, text: string): Storable {
  const bytes = Buffer.from(text, 'hex');
  switch (kind) {
    case 'int':
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
    case 'float':
      return bytes.readDoubleLE();
    case 'bool':
      return text === 'true';
    case 'none':
      return null;
    case 'str':
      return bytes.toString();
    case 'bytes':
      return new Uint8Array(bytes);
    default:
      throw new Error(`there is no kind ${kind}`);
  }
}

const vectors = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [name = '', format = '', code, data = '', kind = '', value = '', makes] = line.split('\t');
    const slot = Buffer.from(data, 'hex');
    const bytes = listBytes({ offsets: [0, slot.length], data: slot, formats: [format], codes: [Number(code)] });
    return { name, bytes, kind, text: value, isMade: makes === 'yes' };
  });

/** A one-slot list of these bytes. */
function open(bytes: Uint8Array): { list: ShareableList<Storable> } & Disposable {
  const shm = SharedMemory.create(bytes.length);
  shm.buf.set(bytes);
  const list = ShareableList.attach(shm.name);
  return {
    list,
    [Symbol.dispose]: () => {
      list.close();
      shm[Symbol.dispose]();
    },
  };
}

test.each(vectors.filter(({ kind }) => kind !== 'error'))('$name reads as its value', ({ bytes, kind, text }) => {
  using opened = open(bytes);
  expect(opened.list.get(0)).toStrictEqual(valueOf(kind, text));
});

test.each(vectors.filter(({ kind }) => kind === 'error'))('$name is a layout error', ({ bytes }) => {
  using opened = open(bytes);
  expect(() => opened.list.get(0)).toThrow(LayoutError);
});

test.each(vectors.filter(({ isMade }) => isMade))('$name is written as these bytes', ({ bytes, kind, text }) => {
  const value = valueOf(kind, text);
  using list = ShareableList.create([value]);
  expect(bytesOf(list.name)).toEqual(bytes);
  // Once more over another value of the same type, which the fast path writes.
  const others: Record<string, Storable> = {
    int: 7,
    float: 1.5,
    bool: text !== 'true',
    none: null,
    str: '',
    bytes: new Uint8Array(),
  };
  list.set(0, others[kind] as Storable);
  list.set(0, value);
  expect(list.get(0)).toStrictEqual(value);
});
