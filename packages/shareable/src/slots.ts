/**
 * The fast path: numbers, bools and nulls, straight in the segment, without a call to Rust. Whatever it cannot do in a
 * few reads it leaves to Rust: text, a change of type, a slot whose bytes are not what a list holds. All it knows of the
 * layout it has from there.
 *
 * A value is always read or written by one access of 8 bytes, which no engine tears. Bytes in the segment are written by
 * strangers, so a slot's offsets are checked at each use; a typed array never reads outside itself in any case.
 */
import type { NativeList } from './binding.js';
import { layout } from './binding.js';
import { fitsInt64 } from './values.js';

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

/** The double that has the bits of a format, and the format's two halves. */
function bits([low = 0, high = 0]: number[]): [whole: number, low: number, high: number] {
  scratchWords[0] = low;
  scratchWords[1] = high;
  return [scratch[0] as number, low | 0, high | 0];
}

const [INT, INT_LOW, INT_HIGH] = bits(layout.intFormat);
const [FLOAT, FLOAT_LOW, FLOAT_HIGH] = bits(layout.floatFormat);
const [BOOL, BOOL_LOW, BOOL_HIGH] = bits(layout.boolFormat);
const [NONE] = bits(layout.noneFormat);
const { alignment, scalarCode, noneCode, offsetsStart } = layout;

/** Largest list whose offsets fit 31 bits; a larger one is left to Rust. */
const MAX_BYTES = 0x7fff_ffff;
/** The high word of a safe, non-negative integer is less than this. */
const SAFE_HIGH = 0x20_0000;
const TWO_TO_32 = 0x1_0000_0000;
/** A true bool as a double: its last byte is 1. */
const [TRUE] = bits([0, 0x0100_0000]);

/** The scalar slots of one list in one segment. */
export class Slots {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #ints: BigInt64Array;
  readonly #codes: Uint8Array;
  /** Where the offsets start, in units of 32 bits. */
  readonly #offsets = offsetsStart / Int32Array.BYTES_PER_ELEMENT;
  /** Where the formats start, in units of 64 bits. */
  readonly #formats: number;
  /** Where the data area starts, in units of 64 bits. */
  readonly #data: number;
  /** The data area's size in bytes; -1 leaves everything to Rust. */
  readonly #dataBytes: number;

  constructor(buffer: ArrayBuffer, list: NativeList) {
    const isSmall = list.codesStart + list.length <= MAX_BYTES;
    const bytes = isSmall ? list.codesStart : 0;
    this.#words = new Int32Array(buffer, 0, bytes / Int32Array.BYTES_PER_ELEMENT);
    this.#floats = new Float64Array(buffer, 0, bytes / Float64Array.BYTES_PER_ELEMENT);
    this.#ints = new BigInt64Array(buffer, 0, bytes / BigInt64Array.BYTES_PER_ELEMENT);
    this.#codes = new Uint8Array(buffer, bytes, isSmall ? list.length : 0);
    this.#formats = list.formatsStart / Float64Array.BYTES_PER_ELEMENT;
    this.#data = list.dataStart / Float64Array.BYTES_PER_ELEMENT;
    this.#dataBytes = isSmall ? list.dataBytes : -1;
  }

  /** The scalar in a slot; `undefined` leaves it to Rust. */
  get(index: number): number | bigint | boolean | null | undefined {
    const at = this.#formats + index;
    const format = this.#floats[at];
    const position = this.#position(index);
    if (position < 0) return undefined;
    if (this.#codes[index] !== scalarCode) return this.#isNone(index) ? null : undefined;
    if (format === INT) return this.#readInt(at, position);
    if (format === FLOAT) {
      const value = this.#floats[position] as number;
      scratch[0] = value;
      return this.#isSettled(at, FLOAT_LOW, FLOAT_HIGH, position) ? value : undefined;
    }
    return format === BOOL ? this.#readBool(at, position) : undefined;
  }

  /** Writes a scalar to a slot that holds its type already; `false` leaves it to Rust. */
  set(index: number, value: unknown): boolean {
    const format = this.#floats[this.#formats + index];
    const position = this.#position(index);
    if (position < 0 || this.#codes[index] !== scalarCode) return false;
    if (typeof value === 'number') {
      if (format === INT) return this.#writeInt(position, value);
      // NaN is left to Rust, which stores the one that CPython does.
      if (format !== FLOAT || value !== value) return false;
      this.#floats[position] = value;
      return true;
    }
    if (typeof value === 'boolean' && format === BOOL) {
      this.#floats[position] = value ? TRUE : 0;
      return true;
    }
    if (typeof value === 'bigint' && format === INT && fitsInt64(value)) {
      this.#ints[position] = value;
      return true;
    }
    return false;
  }

  /** Where a slot starts, in units of 64 bits; -1 when its offsets make no slot. */
  #position(index: number): number {
    const words = this.#words;
    const at = this.#offsets + 2 * index;
    const start = words[at] as number;
    const end = words[at + 2] as number;
    const isSlot =
      ((words[at + 1] as number) | (words[at + 3] as number)) === 0 &&
      // No number here is negative.
      (start | (end - start - alignment) | (this.#dataBytes - end)) >= 0 &&
      ((start | end) & (alignment - 1)) === 0;
    return isSlot ? this.#data + start / alignment : -1;
  }

  /**
   * Whether a slot whose bits are in `scratch` still has the format whose halves are given, and still those bits: a
   * writer may be changing its type, back and forth. The looks go through another view than the first, so that no
   * compiler takes one for the other.
   */
  #isSettled(at: number, low: number, high: number, position: number): boolean {
    const words = this.#words;
    return (
      words[2 * at] === low &&
      words[2 * position] === ((scratchWords[0] as number) | 0) &&
      words[2 * at + 1] === high &&
      words[2 * position + 1] === ((scratchWords[1] as number) | 0) &&
      words[2 * at] === low
    );
  }

  #readInt(at: number, position: number): number | bigint | undefined {
    // Reading a bigint costs several times as much, so a double brings the bits, where they are no NaN's.
    scratch[0] = this.#floats[position] as number;
    const high = scratchWords[1] as number;
    if (high < SAFE_HIGH) {
      return this.#isSettled(at, INT_LOW, INT_HIGH, position) ? high * TWO_TO_32 + (scratchWords[0] as number) : undefined;
    }
    const value = this.#ints[position] as bigint;
    if (this.#words[2 * at] !== INT_LOW || this.#ints[position] !== value) return undefined;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #readBool(at: number, position: number): boolean | undefined {
    scratch[0] = this.#floats[position] as number;
    const isTrue = (scratchWords[1] as number) >>> 24 !== 0;
    return this.#isSettled(at, BOOL_LOW, BOOL_HIGH, position) ? isTrue : undefined;
  }

  #isNone(index: number): boolean {
    return this.#codes[index] === noneCode && this.#floats[this.#formats + index] === NONE;
  }

  #writeInt(position: number, value: number): boolean {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    if (value < 0) {
      this.#ints[position] = BigInt(value);
    } else {
      scratchWords[0] = value;
      scratchWords[1] = value / TWO_TO_32;
      this.#floats[position] = scratch[0] as number;
    }
    return true;
  }
}
