import { isUint8Array } from 'node:util/types';
import { deserialize, serialize } from 'node:v8';

import { invalidType } from '../errors.js';
import { CLONE_ID, decodeWhole } from './codec.js';
import type { Codec, Piece, PlacedCodec, Reserve, Writable_ } from './codec.js';
import { copyOut } from './copy.js';
import { undecodable } from './errors.js';
import { LATIN1, UTF16 } from './text-bytes.js';
import { decodeText, encodeText } from './text.js';

/** The first byte: what follows. Text has that of its form. */
const BYTES = 3;
const NUMBER = 4;
const FALSE = 5;
const TRUE = 6;
const NULL = 7;
const CLONED = 8;

const NUMBER_SIZE = 9;

/** Only the first byte. */
function encodeTag(tag: number, reserve: (bytes: number) => Writable_): number {
  const { bytes, start } = reserve(1);
  bytes[start] = tag;
  return 1;
}

function encodeBytes(tag: number, value: Uint8Array, reserve: Reserve): number {
  const size = 1 + value.length;
  const { bytes, start } = reserve(size, value, tag);
  bytes[start] = tag;
  bytes.set(value, start + 1);
  return size;
}

function cloned(value: unknown): Buffer {
  try {
    return serialize(value);
  } catch (error) {
    const { message } = error as Error;
    throw Object.assign(invalidType('ERR_INVALID_ARG_VALUE', message), { cause: error });
  }
}

function encodeNumber(value: number, reserve: (bytes: number) => Writable_): number {
  const { bytes, data, start } = reserve(NUMBER_SIZE);
  bytes[start] = NUMBER;
  data.setFloat64(start + 1, value, true);
  return NUMBER_SIZE;
}

function decodeClone(from: Piece): unknown {
  try {
    // From a copy: the deserializer trusts that bytes do not change under it.
    return deserialize(copyOut(from, from.start + 1, from.length - 1)) as unknown;
  } catch (error) {
    throw undecodable('a structured clone', (error as Error).message, error);
  }
}

const codec: PlacedCodec<unknown> = {
  id: CLONE_ID,
  inPlace: true,
  leads: 1,
  encode(value, reserve) {
    if (typeof value === 'string') return encodeText(value, reserve);
    if (typeof value === 'number') return encodeNumber(value, reserve);
    if (typeof value === 'boolean') return encodeTag(value ? TRUE : FALSE, reserve);
    if (value === null) return encodeTag(NULL, reserve);
    if (value === undefined) throw invalidType('ERR_INVALID_ARG_TYPE', 'undefined cannot be sent: use null');
    if (isUint8Array(value)) return encodeBytes(BYTES, value, reserve);
    return encodeBytes(CLONED, cloned(value), reserve);
  },
  decode: (bytes) => decodeWhole(codec, bytes),
  adopt: (own) => (own[0] === BYTES ? own.subarray(1) : decodeWhole(codec, own)),
  decodeAt(from) {
    const { bytes, data, start, length } = from;
    if (length < 1) throw undecodable('a value', 'it has no bytes');
    switch (bytes[start]) {
      case LATIN1:
      case UTF16:
        return decodeText(from);
      case BYTES:
        return copyOut(from, start + 1, length - 1);
      case NUMBER:
        if (length !== NUMBER_SIZE) break;
        return data.getFloat64(start + 1, true);
      case FALSE:
        return false;
      case TRUE:
        return true;
      case NULL:
        return null;
      case CLONED:
        return decodeClone(from);
    }
    throw undecodable('a value', 'its first byte is not the code of a type, or not of a type with that length');
  },
};

/**
 * Whatever structured clone can copy: bytes, text, numbers, booleans and null as such, everything else by the serializer
 * of V8. The default. Between processes of the same kind of runtime: Bun's serializer is not V8's.
 */
export function clone<T>(): Codec<T> {
  // The type is the caller's claim, as it is of structuredClone.
  return codec as Codec<unknown> as Codec<T>;
}
