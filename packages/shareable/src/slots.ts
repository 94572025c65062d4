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

/** The two halves of a slot's format. */
type Halves = readonly [low: number, high: number];

const halves = ([low = 0, high = 0]: number[]): Halves => [low | 0, high | 0];
const [INT, INT_HIGH] = halves(layout.intFormat);
const [FLOAT, FLOAT_HIGH] = halves(layout.floatFormat);
const [BOOL, BOOL_HIGH] = halves(layout.boolFormat);
const [NONE, NONE_HIGH] = halves(layout.noneFormat);
const { alignment, scalarCode, noneCode, offsetsStart } = layout;

/** Largest list whose offsets fit 31 bits; a larger one is left to Rust. */
const MAX_BYTES = 0x7fff_ffff;
/** The high word of a safe, non-negative integer is less than this. */
const SAFE_HIGH = 0x20_0000;
const TWO_TO_32 = 0x1_0000_0000;

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
/** A true bool as a double: its last byte is 1. */
const TRUE = new Float64Array(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1).buffer)[0] as number;

/** The scalar slots of one list in one segment. */
export class Slots {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #ints: BigInt64Array;
  readonly #codes: Uint8Array;
  /** Where the formats and the offsets start, in units of 32 bits. */
  readonly #formats: number;
  readonly #offsets = offsetsStart / 4;
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
    this.#formats = list.formatsStart / Int32Array.BYTES_PER_ELEMENT;
    this.#data = list.dataStart / Float64Array.BYTES_PER_ELEMENT;
    this.#dataBytes = isSmall ? list.dataBytes : -1;
  }

  /** The scalar in a slot; `undefined` leaves it to Rust. */
  get(index: number): number | bigint | boolean | null | undefined {
    const words = this.#words;
    const at = this.#formats + 2 * index;
    const format = words[at];
    const high = words[at + 1];
    const position = this.#position(index);
    if (position < 0) return undefined;
    const code = this.#codes[index];
    if (format === INT && high === INT_HIGH && code === scalarCode) {
      const value = this.#readInt(position);
      return Atomics.load(words, at) === INT ? value : undefined;
    }
    if (format === FLOAT && high === FLOAT_HIGH && code === scalarCode) {
      const value = this.#floats[position];
      return Atomics.load(words, at) === FLOAT ? value : undefined;
    }
    if (format === BOOL && high === BOOL_HIGH && code === scalarCode) {
      const value = this.#readBool(position);
      return Atomics.load(words, at + 1) === BOOL_HIGH ? value : undefined;
    }
    if (format === NONE && high === NONE_HIGH && code === noneCode) return null;
    return undefined;
  }

  /** Writes a scalar to a slot that holds its type already; `false` leaves it to Rust. */
  set(index: number, value: unknown): boolean {
    const words = this.#words;
    const at = this.#formats + 2 * index;
    const format = words[at];
    const high = words[at + 1];
    const position = this.#position(index);
    if (position < 0 || this.#codes[index] !== scalarCode) return false;
    if (typeof value === 'number') {
      if (format === INT && high === INT_HIGH) return this.#writeInt(position, value);
      // NaN is left to Rust, which stores the one that CPython does.
      if (format !== FLOAT || high !== FLOAT_HIGH || value !== value) return false;
      this.#floats[position] = value;
      return true;
    }
    if (typeof value === 'boolean') {
      if (format !== BOOL || high !== BOOL_HIGH) return false;
      this.#floats[position] = value ? TRUE : 0;
      return true;
    }
    if (typeof value === 'bigint' && format === INT && high === INT_HIGH && fitsInt64(value)) {
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
      start >= 0 &&
      end - start >= alignment &&
      end <= this.#dataBytes &&
      (start | end) % alignment === 0;
    return isSlot ? this.#data + start / alignment : -1;
  }

  #readInt(position: number): number | bigint {
    // Reading a bigint costs several times as much, so a double brings the bits, where they are no NaN's.
    scratch[0] = this.#floats[position] as number;
    const high = scratchWords[1] as number;
    if (high < SAFE_HIGH) return high * TWO_TO_32 + (scratchWords[0] as number);
    const value = this.#ints[position] as bigint;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #readBool(position: number): boolean {
    scratch[0] = this.#floats[position] as number;
    return (scratchWords[1] as number) >>> 24 !== 0;
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
