import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';

import { invalidType } from '../errors.js';
import { BYTES_ID, NO_LEAD, decodeWhole } from './codec.js';
import type { Codec, PlacedCodec } from './codec.js';
import { copyOut } from './copy.js';

const codec: PlacedCodec<Uint8Array> = {
  id: BYTES_ID,
  inPlace: true,
  encode(value, reserve) {
    if (!isUint8Array(value)) {
      throw invalidType(
        'ERR_INVALID_ARG_TYPE',
        `the codec bytes takes a Uint8Array, not ${inspect(value, { depth: 0 })}`,
      );
    }
    const { length } = value;
    const { bytes, start } = reserve(length, value, NO_LEAD);
    bytes.set(value, start);
    return length;
  },
  decode: (bytes) => decodeWhole(codec, bytes),
  adopt: (own) => own,
  decodeAt: (from) => copyOut(from, from.start, from.length),
};

/** Bytes as they are: a `Uint8Array`, also one of a subclass; received as a plain copy. */
export const bytes: Codec<Uint8Array> = codec;
