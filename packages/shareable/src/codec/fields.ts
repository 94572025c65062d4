/** The types of a struct's fields: what they take, and how they are written and read. */
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';

import { invalidType } from '../errors.js';
import type { Piece, Writable_ } from './codec.js';
import { copyOut } from './copy.js';

/** What is wrong with a value: its type or its range, and what it must be. */
export type Complaint = readonly ['type' | 'range', string];

/** One field: its size, and how its values are checked, written and read. */
export interface FieldIo {
  readonly size: number;
  /** A value of the type. */
  readonly blank: unknown;
  /** What is wrong with a value; `undefined` if nothing is. */
  complain(value: unknown): Complaint | undefined;
  write(to: Writable_, at: number, value: unknown): void;
  read(from: Piece, at: number): unknown;
}

/** Bytes before text and bytes: how many follow. */
const LENGTH_SIZE = 2;
const MAX_LENGTH = 0xffff;
/** Up to this length a loop is faster than a call. */
const SHORT = 24;

const NUMBER: Complaint = ['type', 'a number'];

function integer(size: number, min: number, max: number, io: Pick<FieldIo, 'write' | 'read'>): FieldIo {
  const range: Complaint = ['range', `an integer from ${min} to ${max}`];
  return {
    size,
    blank: 0,
    complain(value) {
      if (typeof value !== 'number') return NUMBER;
      return Number.isInteger(value) && value >= min && value <= max ? undefined : range;
    },
    ...io,
  };
}

const BIGINT: Complaint = ['type', 'a bigint'];
const INT64: Complaint = ['range', 'a bigint of 64 bits'];
const BOOLEAN: Complaint = ['type', 'a boolean'];
const TEXT: Complaint = ['type', 'a string'];
const WELL_FORMED: Complaint = ['range', 'text without lone surrogates, which UTF-8 cannot encode'];
const BYTES: Complaint = ['type', 'a Uint8Array'];

const fixed: Readonly<Record<string, FieldIo>> = {
  u8: integer(1, 0, 0xff, {
    write: ({ bytes }, at, value) => void (bytes[at] = value as number),
    read: ({ bytes }, at) => bytes[at],
  }),
  i32: integer(4, -0x8000_0000, 0x7fff_ffff, {
    write: ({ data }, at, value) => data.setInt32(at, value as number, true),
    read: ({ data }, at) => data.getInt32(at, true),
  }),
  u32: integer(4, 0, 0xffff_ffff, {
    write: ({ data }, at, value) => data.setUint32(at, value as number, true),
    read: ({ data }, at) => data.getUint32(at, true),
  }),
  f64: {
    size: 8,
    blank: 0,
    complain: (value) => (typeof value === 'number' ? undefined : NUMBER),
    write: ({ data }, at, value) => data.setFloat64(at, value as number, true),
    read: ({ data }, at) => data.getFloat64(at, true),
  },
  i64: {
    size: 8,
    blank: 0n,
    complain(value) {
      if (typeof value !== 'bigint') return BIGINT;
      return BigInt.asIntN(64, value) === value ? undefined : INT64;
    },
    write: ({ data }, at, value) => data.setBigInt64(at, value as bigint, true),
    read: ({ data }, at) => data.getBigInt64(at, true),
  },
  bool: {
    size: 1,
    blank: false,
    complain: (value) => (typeof value === 'boolean' ? undefined : BOOLEAN),
    write: ({ bytes }, at, value) => void (bytes[at] = value === true ? 1 : 0),
    read: ({ bytes }, at) => bytes[at] !== 0,
  },
};

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
  if (length <= SHORT) {
    let text = '';
    let all = 0;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i] as number;
      all |= byte;
      text += String.fromCharCode(byte);
    }
    if (all < 0x80) return text;
  }
  // From a copy: decoding UTF-8 that changes meanwhile crashes V8.
  const copy = copyOut(from, start, length);
  return Buffer.from(copy.buffer, copy.byteOffset, copy.length).toString();
}

function textField(limit: number): FieldIo {
  const range: Complaint = ['range', `text of at most ${limit} bytes of UTF-8`];
  return {
    size: LENGTH_SIZE + limit,
    blank: '',
    complain(value) {
      if (typeof value !== 'string') return TEXT;
      if (value.length > limit || (3 * value.length > limit && Buffer.byteLength(value) > limit)) return range;
      return value.isWellFormed() ? undefined : WELL_FORMED;
    },
    write: (to, at, value) => writeUtf8(to, at, value as string),
    read: (from, at) => readUtf8(from, at, limit),
  };
}

function bytesField(limit: number): FieldIo {
  const range: Complaint = ['range', `at most ${limit} bytes`];
  return {
    size: LENGTH_SIZE + limit,
    blank: new Uint8Array(),
    complain(value) {
      if (!isUint8Array(value)) return BYTES;
      return value.length <= limit ? undefined : range;
    },
    write({ bytes, data }, at, value) {
      data.setUint16(at, (value as Uint8Array).length, true);
      bytes.set(value as Uint8Array, at + LENGTH_SIZE);
    },
    read: (from, at) => copyOut(from, at + LENGTH_SIZE, lengthAt(from, at, limit)),
  };
}

/** The field of a type. */
export function fieldIo(name: string, type: string): FieldIo {
  const known = Object.hasOwn(fixed, type) ? fixed[type] : undefined;
  if (known !== undefined) return known;
  const [, kind, digits] = /^(text|bytes)([1-9][0-9]{0,4})$/.exec(type) ?? [];
  const limit = Number(digits);
  if (kind !== undefined && limit <= MAX_LENGTH) return kind === 'text' ? textField(limit) : bytesField(limit);
  throw invalidType(
    'ERR_INVALID_ARG_VALUE',
    `field '${name}' has the type ${inspect(type)}; a type is u8, i32, u32, f64, i64, bool, textN or bytesN`,
  );
}
