/** The slots of a list, one by one. */
import { inspect } from 'node:util';

import type * as Binding from '../native/binding.js';
import { LayoutError } from '../errors.js';
import type { Contents } from './contents.js';
import type { Piece } from './format.js';
import { toErrorShape } from './report.js';

/** A slot: its value, or why it cannot be read. */
export interface Item {
  readonly index: number;
  /** The struct format in the segment. */
  readonly format: string;
  readonly value?: unknown;
  readonly error?: LayoutError;
}

/** Longer values are shortened, except with `--all`. */
const SHOWN_CHARACTERS = 120;
const SHOWN_BYTES = 32;

/** Reads the first `count` slots, each when it is reached. */
export function* readItems(binding: typeof Binding, contents: Contents, count: number): Generator<Item> {
  const { list } = contents;
  if (list === undefined) return;
  const bytes = contents.bytes();
  const width = (list.codesStart - list.formatsStart) / list.length;
  for (let index = 0; index < count; index++) {
    const at = list.formatsStart + index * width;
    // It may be any bytes, so each becomes one character.
    const format = Buffer.from(bytes.subarray(at, at + width))
      .toString('latin1')
      .replace(/\0+$/, '');
    try {
      yield { index, format, value: binding.listGet(list.handle, index) };
    } catch (error) {
      // Only this slot is damaged; the next may be readable.
      if (!(error instanceof LayoutError)) throw error;
      yield { index, format, error };
    }
  }
}

function showBytes(bytes: Uint8Array, isWhole: boolean): string {
  const shown = isWhole ? bytes : bytes.subarray(0, SHOWN_BYTES);
  const rest = bytes.length - shown.length;
  const hex = Buffer.from(shown)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
  return `<${hex}${rest > 0 ? ` … ${rest} more` : ''}>`;
}

/** Formats a slot's value for people: quoted text, bigints with n, bytes in angle brackets. */
export function showItem({ value, error }: Item, isWhole: boolean): Piece {
  if (error !== undefined) return { text: error.message, style: 'bad' };
  if (value instanceof Uint8Array) return showBytes(value, isWhole);
  return inspect(value, { maxStringLength: isWhole ? null : SHOWN_CHARACTERS, breakLength: Number.POSITIVE_INFINITY });
}

/** Returns a slot for programs. Numbers that JSON cannot represent are strings; see `type`. */
export function toShape({ index, format, value, error }: Item): object {
  if (error !== undefined) return { index, format, error: toErrorShape(error) };
  if (value === null) return { index, format, type: 'null', value };
  if (value instanceof Uint8Array) {
    return { index, format, type: 'bytes', value: Buffer.from(value).toString('hex') };
  }
  if (typeof value === 'bigint') return { index, format, type: 'bigint', value: value.toString() };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { index, format, type: 'number', value: Object.is(value, -0) ? '-0' : String(value) };
  }
  return { index, format, type: typeof value, value };
}
