/**
 * The bytes of a list, put together by hand: what CPython documents by its source, apart from the code under test.
 * Whatever is given is written as it is, so lists that lie are as easy as honest ones.
 */

/** The parts of a list, in their order. */
export interface ListParts {
  /** What the header says; default: the number of formats. */
  length?: bigint;
  /** Where each slot starts in the data area, and where the last one ends. */
  offsets: (bigint | number)[];
  /** The data area. */
  data: Uint8Array;
  /** One format a slot, padded with NULs to eight bytes. */
  formats: (string | Uint8Array)[];
  /** One code a slot: 0 number or bool, 1 text, 2 bytes, 3 None. */
  codes: number[];
}

function word(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return bytes;
}

function format(text: string | Uint8Array): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.set(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  return bytes;
}

/** The parts as bytes. */
export function listBytes({ length, offsets, data, formats, codes }: ListParts): Buffer {
  return Buffer.concat([
    word(length ?? formats.length),
    ...offsets.map(word),
    data,
    ...formats.map(format),
    Buffer.from(codes),
  ]);
}

/** An 8-byte slot for a number, as `struct` packs it. */
export function int64(value: bigint | number): Buffer {
  return word(value);
}

/** An 8-byte slot for a double. */
export function float64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/** A slot of `size` bytes for text or bytes. */
export function padded(value: string | Uint8Array, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.set(Buffer.from(value));
  return bytes;
}
