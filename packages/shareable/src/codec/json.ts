import { inspect } from 'node:util';

import { invalidType } from '../errors.js';
import { JSON_ID, decodeWhole } from './codec.js';
import type { Codec, PlacedCodec } from './codec.js';
import { undecodable } from './errors.js';
import { decodeText, encodeText } from './text.js';

/** What `toJSON` of the value throws is thrown on. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined;
  } catch (error) {
    // A bigint, or an object within itself: such errors of the engine have no code.
    if (!(error instanceof TypeError) || 'code' in error) throw error;
    throw Object.assign(invalidType('ERR_INVALID_ARG_VALUE', error.message), { cause: error });
  }
}

const codec: PlacedCodec<unknown> = {
  id: JSON_ID,
  inPlace: true,
  encode(value, reserve) {
    const written = stringify(value);
    if (written !== undefined) return encodeText(written, reserve);
    throw invalidType('ERR_INVALID_ARG_TYPE', `JSON has no form for ${inspect(value, { depth: 0 })}`);
  },
  decode: (bytes) => decodeWhole(codec, bytes),
  decodeAt(from) {
    const written = decodeText(from);
    try {
      return JSON.parse(written) as unknown;
    } catch (error) {
      throw undecodable('JSON', (error as Error).message, error);
    }
  },
};

/** What `JSON.stringify` makes of a value. Python reads it too. */
export function json<T>(): Codec<T> {
  // The type is the caller's claim, as it is of JSON.parse.
  return codec as Codec<unknown> as Codec<T>;
}
