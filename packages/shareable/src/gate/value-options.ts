/** The options of shared values, and their checks. */
import { checkCodec } from '../channel/options.js';
import { clone } from '../codec/clone.js';
import type { Codec, Writable_ } from '../codec/codec.js';
import { checkReserved, checkUsed, reservedTwice } from '../codec/errors.js';
import { invalidType } from '../errors.js';
import { gateLayout } from '../native/binding.js';
import type { AttachOptions, CheckedCreateOptions, CreateOptions } from '../options.js';
import { checkCreateOptions, checkInteger, wrongType } from '../options.js';

/** How to create a shared value. */
export interface SharedValueOptions<T> extends CreateOptions {
  /** Bytes that one encoded value may take, 1 to 2^31. Default: twice those of the first value, at least 256. */
  capacity?: number | undefined;
  /** What turns values into bytes. Default: `clone()`. */
  codec?: Codec<T> | undefined;
}

/** How to attach to a shared value. */
export interface SharedValueAttachOptions<T> extends Pick<AttachOptions, 'allowForeign'> {
  /** As its creator chose it. Default: the built-in codec that the segment names; `struct` and your own must be given. */
  codec?: Codec<T> | undefined;
}

const LEAST_CAPACITY = 256;

/** Checks and completes {@link SharedValueOptions}. */
export function checkValueOptions<T>(
  options: SharedValueOptions<T> | undefined,
  method: (...args: never[]) => unknown,
): { capacity: number | undefined; codec: Codec<T>; segment: CheckedCreateOptions } {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw wrongType('options', 'an object', options);
  }
  const { capacity, codec, ...rest } = options ?? {};
  return {
    capacity: capacity === undefined ? undefined : checkInteger('option capacity', capacity, 1, gateLayout.maxCapacity),
    codec: codec === undefined ? clone<T>() : checkCodec(codec),
    segment: checkCreateOptions(rest, method),
  };
}

/** Memory to encode values into, which is used again. A small array of its own costs more than the call that sends it. */
export class Encoder<T> {
  readonly #codec: Codec<T>;
  #piece = pieceOf(0);
  /** The bytes that the codec has reserved; -1 for none. */
  #reserved = -1;
  #isEncoding = false;
  readonly #reserve = (length: number): Writable_ => {
    if (!this.#isEncoding || this.#reserved >= 0) throw reservedTwice();
    checkReserved(length);
    this.#reserved = length;
    if (length <= this.#piece.bytes.length) {
      this.#piece.length = length;
      return this.#piece;
    }
    const piece = pieceOf(length);
    if (length <= LARGE) this.#piece = piece;
    this.bytes = piece.bytes;
    return piece;
  };
  /** Where the value is that was encoded last. */
  bytes: Uint8Array = this.#piece.bytes;

  constructor(codec: Codec<T>) {
    this.#codec = codec;
  }

  /** Encodes a value, and returns the number of bytes. */
  encode(value: T): number {
    // The memory is that of one value at a time.
    if (this.#isEncoding)
      throw invalidType('ERR_INVALID_ARG_VALUE', 'a value must not set the shared value that encodes it');
    this.#reserved = -1;
    this.bytes = this.#piece.bytes;
    this.#isEncoding = true;
    try {
      const used = this.#codec.encode(value, this.#reserve);
      checkUsed(used, this.#reserved);
      return used;
    } finally {
      this.#isEncoding = false;
    }
  }
}

/** Memory for longer values is not kept. */
const LARGE = 65_536;
/** What is kept at least: larger than the arrays that V8 keeps within the heap. */
const LEAST = 256;

function pieceOf(length: number): Writable_ & { length: number } {
  const bytes = new Uint8Array(Math.max(length, LEAST));
  return { bytes, data: new DataView(bytes.buffer), start: 0, length: bytes.length };
}

/** The capacity for a first value of that many bytes. */
export function defaultCapacity(length: number): number {
  return Math.min(Math.max(2 * length, LEAST_CAPACITY), gateLayout.maxCapacity);
}
