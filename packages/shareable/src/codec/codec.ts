/** Codecs: they turn values into bytes in shared memory, and back. Channels use them. */

/**
 * A piece of memory to write to or read from: views of all of it, and where the piece lies in them, because making a view
 * costs more than moving a short message.
 */
export interface Writable_ {
  /** All the memory; the piece is `length` bytes from `start` on. */
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly data: DataView;
  /** Where the piece begins, in bytes. */
  readonly start: number;
  /** Bytes of the piece. */
  readonly length: number;
}

/**
 * Turns values into bytes and back. The built-in ones are `bytes`, `text`, `json()`, `struct({…})` and `clone()`.
 *
 * The number of the codec is stored in the segment: attaching with another one is a `LayoutError`. Your own codecs choose
 * a number from 256 to 32767; smaller ones are built in, larger ones belong to `struct`. The methods must not use the
 * instance that calls them: a channel throws a `ChannelError` (`ERR_SHM_CHANNEL_BUSY`).
 */
export interface Codec<T> {
  /** A number of 16 bits that tells this encoding from others. */
  readonly id: number;
  /** Bytes of every value, if all have the same. */
  readonly size?: number;
  /**
   * Whether `decode` can bear bytes that change while it reads them, and keeps no view of them. It may then get the bytes
   * of a channel's ring; otherwise it always gets a private copy.
   */
  readonly inPlace?: boolean;
  /**
   * Encodes a value. Calls `reserve` once, with the most bytes that the value can need, and writes to what that returns.
   * Checks the value before that: while it has the memory, others wait for it.
   *
   * @returns the bytes that were used
   */
  encode(value: T, reserve: (bytes: number) => Writable_): number;
  /** Decodes what `encode` wrote. The bytes may come from an untrusted writer. */
  decode(bytes: Uint8Array): T;
}

/** A piece of memory to read from. Its views are of all of `memory`. */
export interface Piece extends Writable_ {
  readonly memory: ArrayBufferLike;
  /** The same memory as `bytes`, and not a Buffer: `slice` of a Buffer does not copy. */
  readonly plain: Uint8Array;
  /** The same in words of 32 bits, in the order of the machine's bytes; the last bytes may be missing. */
  readonly words: Int32Array;
}

/** The piece of `length` bytes from `start` on. */
export function pieceOf(memory: ArrayBufferLike, start: number, length: number): Piece {
  const plain = new Uint8Array(memory);
  return {
    memory,
    bytes: plain,
    plain,
    words: new Int32Array(memory, 0, memory.byteLength >> 2),
    data: new DataView(memory),
    start,
    length,
  };
}

/**
 * What gives memory to `encode` of the built-in codecs. `source` is for values that are bytes already: the encoded value is
 * the byte `lead`, unless that is {@link NO_LEAD}, and then those of `source`. A long message is sent from there, without a
 * copy.
 */
export type Reserve = (bytes: number, source?: Uint8Array, lead?: number) => Writable_;

/** The lead of a message that has none. */
export const NO_LEAD = -1;

/** A codec that decodes where the bytes lie, without a view of them. All built-in codecs are. */
export interface PlacedCodec<T> extends Codec<T> {
  /** Bytes before those of a value that is bytes. */
  readonly leads?: number;
  encode(value: T, reserve: Reserve): number;
  /** As `decode`, for a piece of a larger memory whose bytes may change meanwhile. */
  decodeAt(from: Piece): T;
  /** As `decode`, for bytes that nobody else uses: the value may keep them. */
  adopt?(bytes: Uint8Array): T;
}

/** Whether a codec decodes where the bytes lie. */
export function isPlaced<T>(codec: Codec<T>): codec is PlacedCodec<T> {
  return 'decodeAt' in codec;
}

/** The numbers of the built-in codecs; those of structs are {@link STRUCT_ID} and above. */
export const BYTES_ID = 1;
export const TEXT_ID = 2;
export const JSON_ID = 3;
export const CLONE_ID = 4;
/** The least number of a codec of the user's. */
export const FIRST_OWN_ID = 256;
export const STRUCT_ID = 0x8000;

/** What `decode` of a codec that knows how to decode in place does. */
export function decodeWhole<T>(codec: PlacedCodec<T>, bytes: Uint8Array): T {
  return codec.decodeAt(pieceOf(bytes.buffer, bytes.byteOffset, bytes.length));
}
