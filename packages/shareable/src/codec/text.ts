import { inspect } from 'node:util';

import { invalidType } from '../errors.js';
import { TEXT_ID, decodeWhole } from './codec.js';
import type { Codec, PlacedCodec, Writable_ } from './codec.js';
import { undecodable } from './errors.js';
import { LATIN1, UTF16, bytesOf, formOf, readText, writeText } from './text-bytes.js';

/** Encodes text as one byte that tells its form, and the characters. */
export function encodeText(value: string, reserve: (bytes: number) => Writable_): number {
  const form = formOf(value);
  const size = 1 + bytesOf(value, form);
  const { bytes, start } = reserve(size);
  bytes[start] = form;
  writeText(bytes, start + 1, value, form);
  return size;
}

/** Decodes what {@link encodeText} wrote. */
export function decodeText(from: Writable_): string {
  const { bytes, start, length } = from;
  const form = bytes[start];
  if (length < 1 || (form !== LATIN1 && form !== UTF16)) throw undecodable('text', 'the first byte is not a form');
  if (form === UTF16 && length % 2 === 0) throw undecodable('text', 'half a character is missing');
  return readText(from, start + 1, length - 1, form);
}

const codec: PlacedCodec<string> = {
  id: TEXT_ID,
  inPlace: true,
  encode(value, reserve) {
    if (typeof value === 'string') return encodeText(value, reserve);
    throw invalidType('ERR_INVALID_ARG_TYPE', `the codec text takes a string, not ${inspect(value, { depth: 0 })}`);
  },
  decode: (bytes) => decodeWhole(codec, bytes),
  decodeAt: decodeText,
};

/** Strings, also those with lone surrogates. One byte a character if all fit one (latin1), else two (UTF-16). */
export const text: Codec<string> = codec;
