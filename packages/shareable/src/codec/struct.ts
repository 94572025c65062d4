import { inspect } from 'node:util';

import { invalidType, outOfRange } from '../errors.js';
import type { Codec, Piece, PlacedCodec, Writable_ } from './codec.js';
import { STRUCT_ID, decodeWhole } from './codec.js';
import { undecodable } from './errors.js';
import type { FieldIo } from './fields.js';
import { complain, fieldIo, readField, writeField } from './fields.js';

/** The type of a field: a number, a boolean, or text or bytes of at most as many bytes as the digits say, up to 65535. */
export type Field = 'u8' | 'i32' | 'u32' | 'f64' | 'i64' | 'bool' | `text${number}` | `bytes${number}`;

/** The values of a field. */
export type FieldType<F> = F extends 'bool'
  ? boolean
  : F extends 'i64'
    ? bigint
    : F extends `text${number}`
      ? string
      : F extends `bytes${number}`
        ? Uint8Array
        : number;

/** The number of a struct's codec: 15 bits that depend on every name and type, by FNV-1a. */
function idOf(fields: Record<string, Field>): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify(Object.entries(fields)))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return STRUCT_ID | ((hash ^ (hash >>> 15)) & 0x7fff);
}

/** The codec of a struct, which writes and reads field by field. */
class StructCodec implements PlacedCodec<Record<string, unknown>> {
  readonly id: number;
  readonly size: number;
  readonly inPlace = true;
  readonly #names: string[] = [];
  readonly #fields: FieldIo[] = [];
  readonly #offsets: number[] = [];
  /** An object with all names, whose copies need no new shape. */
  readonly #blank: Record<string, unknown> = {};

  constructor(fields: Record<string, Field>) {
    if (typeof fields !== 'object' || fields === null) {
      throw invalidType('ERR_INVALID_ARG_TYPE', `fields must be an object, not ${inspect(fields, { depth: 0 })}`);
    }
    let size = 0;
    for (const [name, type] of Object.entries(fields)) {
      const field = fieldIo(name, type);
      this.#names.push(name);
      this.#fields.push(field);
      this.#offsets.push(size);
      this.#blank[name] = field.blank;
      size += field.size;
    }
    if (size === 0) throw invalidType('ERR_INVALID_ARG_VALUE', 'a struct needs at least one field');
    this.size = size;
    this.id = idOf(fields);
  }

  encode(value: Record<string, unknown>, reserve: (bytes: number) => Writable_): number {
    if (typeof value !== 'object' || value === null) {
      throw invalidType('ERR_INVALID_ARG_TYPE', `a struct takes an object, not ${inspect(value, { depth: 0 })}`);
    }
    const names = this.#names;
    const fields = this.#fields;
    const offsets = this.#offsets;
    // Each is read once: a getter may give another value the second time, or use the channel.
    const values: unknown[] = [];
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const field = value[name];
      const complaint = complain(fields[i] as FieldIo, field);
      if (complaint !== undefined) throw refuse(name, field, complaint);
      values.push(field);
    }
    const piece = reserve(this.size);
    const { start } = piece;
    for (let i = 0; i < values.length; i++) {
      writeField(fields[i] as FieldIo, piece, start + (offsets[i] as number), values[i]);
    }
    return this.size;
  }

  decode(bytes: Uint8Array): Record<string, unknown> {
    return decodeWhole(this, bytes);
  }

  decodeAt(from: Piece): Record<string, unknown> {
    const { start, length } = from;
    if (length !== this.size) throw undecodable(`a struct of ${this.size} bytes`, `there are ${length}`);
    const names = this.#names;
    const fields = this.#fields;
    const offsets = this.#offsets;
    const value = { ...this.#blank };
    for (let i = 0; i < names.length; i++) {
      value[names[i] as string] = readField(fields[i] as FieldIo, from, start + (offsets[i] as number));
    }
    return value;
  }
}

function refuse(name: string, value: unknown, [kind, expected]: readonly ['type' | 'range', string]): Error {
  const message = `field '${name}' must be ${expected}, not ${inspect(value, { depth: 0, maxStringLength: 40, maxArrayLength: 8 })}`;
  return kind === 'type' ? invalidType('ERR_INVALID_ARG_TYPE', message) : outOfRange(message);
}

/**
 * Objects with always the same fields, packed one after the other in little-endian order; Python reads them by its
 * module `struct`. Every value has the same size. `text24` holds text of at most 24 bytes of UTF-8, `bytes16` at most 16
 * bytes; both begin with their length, two bytes.
 *
 * @throws {TypeError} for a field of an unknown type, or none at all
 *
 * @example
 * ```ts
 * const job = struct({ id: 'u32', x: 'f64', name: 'text24', ok: 'bool' });
 * ```
 */
export function struct<const S extends Record<string, Field>>(fields: S): Codec<{ [K in keyof S]: FieldType<S[K]> }> {
  return new StructCodec(fields) as unknown as Codec<{ [K in keyof S]: FieldType<S[K]> }>;
}
