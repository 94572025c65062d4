/** The types of a struct's fields: what they take, and how they are written and read. */
import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';

import { invalidType } from '../errors.js';
import type { Piece, Writable_ } from './codec.js';
import { copyOut } from './copy.js';
import { LATIN1, readText } from './text-bytes.js';

/** What is wrong with a value: its type or its range, and what it must be. */
export type Complaint = readonly ['type' | 'range', string];

/** One field. */
export interface FieldIo {
  readonly kind: Kind;
  readonly size: number;
  /** Bytes of text or bytes at most; of the other kinds, 0. */
  readonly limit: number;
  /** A value of the type. */
  readonly blank: unknown;
}

/** The kinds of fields. Numbers: one `switch` over them costs less than a call of one of nine functions. */
const U8 = 0;
const I32 = 1;
const U32 = 2;
const F64 = 3;
const I64 = 4;
const BOOL = 5;
const TEXT = 6;
const BYTES = 7;
type Kind = typeof U8 | typeof I32 | typeof U32 | typeof F64 | typeof I64 | typeof BOOL | typeof TEXT | typeof BYTES;

/** Bytes before text and bytes: how many follow. */
const LENGTH_SIZE = 2;
const MAX_LENGTH = 0xffff;
/** Up to this length a loop is faster than a call. */
const SHORT = 24;
/** Up to this length text is put together faster than by a call. The engine links longer sums instead of copying them. */
const SHORT_READ = 12;

const NOT_ASCII = /[^\0-\x7f]/;

const NOT_NUMBER: Complaint = ['type', 'a number'];
const NOT_BIGINT: Complaint = ['type', 'a bigint'];
const NOT_INT64: Complaint = ['range', 'a bigint of 64 bits'];
const NOT_BOOLEAN: Complaint = ['type', 'a boolean'];
const NOT_TEXT: Complaint = ['type', 'a string'];
const NOT_WELL_FORMED: Complaint = ['range', 'text without lone surrogates, which UTF-8 cannot encode'];
const NOT_BYTES: Complaint = ['type', 'a Uint8Array'];

function complainOfInteger(value: unknown, min: number, max: number): Complaint | undefined {
  if (typeof value !== 'number') return NOT_NUMBER;
  if (Number.isInteger(value) && value >= min && value <= max) return undefined;
  return ['range', `an integer from ${min} to ${max}`];
}

function complainOfText(value: unknown, limit: number): Complaint | undefined {
  if (typeof value !== 'string') return NOT_TEXT;
  const { length } = value;
  // As many bytes as characters in the most frequent case.
  if (length <= limit && length <= SHORT) {
    let all = 0;
    for (let i = 0; i < length; i++) all |= value.charCodeAt(i);
    if (all < 0x80) return undefined;
  }
  if (length > limit || (3 * length > limit && Buffer.byteLength(value) > limit)) {
    return ['range', `text of at most ${limit} bytes of UTF-8`];
  }
  return value.isWellFormed() ? undefined : NOT_WELL_FORMED;
}

/** What is wrong with the value of a field; `undefined` if nothing is. */
export function complain({ kind, limit }: FieldIo, value: unknown): Complaint | undefined {
  switch (kind) {
    case U8:
      return complainOfInteger(value, 0, 0xff);
    case I32:
      return complainOfInteger(value, -0x8000_0000, 0x7fff_ffff);
    case U32:
      return complainOfInteger(value, 0, 0xffff_ffff);
    case F64:
      return typeof value === 'number' ? undefined : NOT_NUMBER;
    case I64:
      if (typeof value !== 'bigint') return NOT_BIGINT;
      return BigInt.asIntN(64, value) === value ? undefined : NOT_INT64;
    case BOOL:
      return typeof value === 'boolean' ? undefined : NOT_BOOLEAN;
    case TEXT:
      return complainOfText(value, limit);
    case BYTES:
      if (!isUint8Array(value)) return NOT_BYTES;
      return value.length <= limit ? undefined : ['range', `at most ${limit} bytes`];
  }
}

/** Writes the value of a field at `at`. */
export function writeField({ kind }: FieldIo, to: Writable_, at: number, value: unknown): void {
  const { bytes, data } = to;
  switch (kind) {
    case U8:
      bytes[at] = value as number;
      return;
    case I32:
      return data.setInt32(at, value as number, true);
    case U32:
      return data.setUint32(at, value as number, true);
    case F64:
      return data.setFloat64(at, value as number, true);
    case I64:
      return data.setBigInt64(at, value as bigint, true);
    case BOOL:
      bytes[at] = value === true ? 1 : 0;
      return;
    case TEXT:
      return writeUtf8(to, at, value as string);
    case BYTES:
      data.setUint16(at, (value as Uint8Array).length, true);
      bytes.set(value as Uint8Array, at + LENGTH_SIZE);
  }
}

/** Reads the value of a field at `at`. */
export function readField({ kind, limit }: FieldIo, from: Piece, at: number): unknown {
  const { bytes, data } = from;
  switch (kind) {
    case U8:
      return bytes[at];
    case I32:
      return data.getInt32(at, true);
    case U32:
      return data.getUint32(at, true);
    case F64:
      return data.getFloat64(at, true);
    case I64:
      return data.getBigInt64(at, true);
    case BOOL:
      return bytes[at] !== 0;
    case TEXT:
      return readUtf8(from, at, limit);
    case BYTES:
      return copyOut(from, at + LENGTH_SIZE, lengthAt(from, at, limit));
  }
}

/** The length before text or bytes, which a hostile writer may have made too large. */
function lengthAt({ data }: Writable_, at: number, limit: number): number {
  return Math.min(data.getUint16(at, true), limit);
}

function writeUtf8({ bytes, data }: Writable_, at: number, value: string): void {
  const { length } = value;
  const start = at + LENGTH_SIZE;
  let all = 0;
  if (length <= SHORT) {
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      all |= code;
      bytes[start + i] = code;
    }
  }
  if (length <= SHORT && all < 0x80) {
    data.setUint16(at, length, true);
    return;
  }
  const encoded = Buffer.from(value);
  bytes.set(encoded, start);
  data.setUint16(at, encoded.length, true);
}

function readUtf8(from: Piece, at: number, limit: number): string {
  const { bytes } = from;
  const length = lengthAt(from, at, limit);
  const start = at + LENGTH_SIZE;
  if (length <= SHORT_READ) {
    let text = '';
    let all = 0;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i] as number;
      all |= byte;
      text += String.fromCharCode(byte);
    }
    if (all < 0x80) return text;
  } else {
    const text = readText(from, start, length, LATIN1);
    if (!NOT_ASCII.test(text)) return text;
  }
  // From a copy: decoding UTF-8 that changes meanwhile crashes V8.
  const copy = copyOut(from, start, length);
  return Buffer.from(copy.buffer, copy.byteOffset, copy.length).toString();
}

const NO_BYTES = new Uint8Array();

const fixed: Readonly<Record<string, FieldIo>> = {
  u8: { kind: U8, size: 1, limit: 0, blank: 0 },
  i32: { kind: I32, size: 4, limit: 0, blank: 0 },
  u32: { kind: U32, size: 4, limit: 0, blank: 0 },
  f64: { kind: F64, size: 8, limit: 0, blank: 0 },
  i64: { kind: I64, size: 8, limit: 0, blank: 0n },
  bool: { kind: BOOL, size: 1, limit: 0, blank: false },
};

/** The field of a type. */
export function fieldIo(name: string, type: string): FieldIo {
  const known = Object.hasOwn(fixed, type) ? fixed[type] : undefined;
  if (known !== undefined) return known;
  const [, kind, digits] = /^(text|bytes)([1-9][0-9]{0,4})$/.exec(type) ?? [];
  const limit = Number(digits);
  if (kind !== undefined && limit <= MAX_LENGTH) {
    const size = LENGTH_SIZE + limit;
    return kind === 'text' ? { kind: TEXT, size, limit, blank: '' } : { kind: BYTES, size, limit, blank: NO_BYTES };
  }
  throw invalidType(
    'ERR_INVALID_ARG_VALUE',
    `field '${name}' has the type ${inspect(type)}; a type is u8, i32, u32, f64, i64, bool, textN or bytesN`,
  );
}
