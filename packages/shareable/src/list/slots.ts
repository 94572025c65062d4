/**
 * The fast path: reads and writes numbers, booleans, nulls and short ASCII text in the segment without a call to Rust. It
 * leaves everything else to Rust: other text, a change of type, a damaged slot. It gets the layout from Rust.
 *
 * Each word is read or written by one access of 8 bytes, which no engine splits. A value counts only if the slot's version
 * number is the same before and after it was read: `versions.rs` in the core says where it is and who changes it. Lists
 * without version numbers are left to Rust. Other processes may write any bytes, so a slot's offsets are checked at each
 * use. A typed array never reads outside of its bounds.
 */
import { FEW_WORDS, decodeAscii, decodeLongAscii, encodeAscii, longWords, textWords } from './ascii.js';
import type { NativeList } from '../native/binding.js';
import { layout } from '../native/binding.js';
import { fitsInt64 } from './values.js';

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
const scratchHalves = new Int32Array(scratch.buffer);

/** Returns the double with these bits. */
function double([low = 0, high = 0]: number[]): number {
  scratchWords[0] = low;
  scratchWords[1] = high;
  return scratch[0] as number;
}

/** Returns the two halves of a format as elements of an Int32Array. */
const halves = ([low = 0, high = 0]: number[]): [low: number, high: number] => [low | 0, high | 0];

const [INT, NUMBER_HIGH] = halves(layout.intFormat);
const [FLOAT] = halves(layout.floatFormat);
const [BOOL, BOOL_HIGH] = halves(layout.boolFormat);
const [NONE, NONE_HIGH] = halves(layout.noneFormat);
if (layout.floatFormat[1] !== layout.intFormat[1])
  throw new Error('the formats of numbers differ in more than a letter');

/** A true bool: its last byte is 1. */
const TRUE = double([0, 0x0100_0000]);
const { alignment, versionStride, scalarCode, noneCode, textCode, offsetsStart } = layout;
/** The format of text in two halves, by the number of words of its slot. */
const TEXT_FORMATS = Int32Array.of(0, 0, ...layout.textFormats);
const WRITING = layout.writing | 0;
/**
 * Whether the processor keeps loads in order, and stores. JavaScript has no fences, and its fast atomic operations have
 * 32 bits: enough to check a number, but too slow for text, which Rust handles on other processors.
 */
const IS_ORDERED = process.arch === 'x64';

/** The largest list whose offsets fit 31 bits. */
const MAX_BYTES = 0x7fff_ffff;
/** Where the offsets start, in units of 32 bits. */
const OFFSETS = offsetsStart / Int32Array.BYTES_PER_ELEMENT;
/** Turns the number of a version into its distance in units of 32 bits. */
const VERSION_SHIFT = 31 - Math.clz32(versionStride / Int32Array.BYTES_PER_ELEMENT);
/** Turns an offset in bytes into one in words. */
const WORD_SHIFT = 31 - Math.clz32(alignment);
/** The bits that a valid, aligned offset of less than 2^31 does not have. */
const NO_OFFSET = ~MAX_BYTES | (alignment - 1);
/** The high word of a safe, non-negative integer is less than this. */
const SAFE_HIGH = 0x20_0000;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * The scalar slots of one list in one segment.
 *
 * The fields are not private names, and are declared: those would be `undefined` at first, and the engine would check the
 * type of each field, and calculate in doubles, at every access. `| 0` likewise keeps it from checking for overflow.
 */
export class Slots {
  declare private readonly words: Int32Array;
  declare private readonly floats: Float64Array;
  /** The same memory again, so that no compiler replaces a second read by the result of the first. */
  declare private readonly wordsAgain: Int32Array;
  declare private readonly floatsAgain: Float64Array;
  declare private readonly ints: BigInt64Array;
  /** Not a Uint8Array, whose type the engine checks, because Buffer is a subclass of it. */
  declare private readonly codes: Int8Array;
  declare private readonly codesAgain: Int8Array;
  /** Where the version of slot 0 is, in units of 32 bits. */
  declare private readonly firstVersion: number;
  declare private readonly versionMask: number;
  /** Whether no two slots share a version. */
  declare private readonly hasOwnVersions: boolean;
  /** Where the formats start, in units of 32 bits. */
  declare private readonly formats: number;
  /** Where the data area starts, in units of 64 bits. */
  declare private readonly data: number;
  /** The data area's size in bytes. */
  declare private readonly dataBytes: number;
  /** The number of slots. */
  declare private readonly length: number;

  /** Whether the list is small enough, and has version numbers. Rust handles other ones. */
  static fit(list: NativeList): boolean {
    return list.codesStart + list.length <= MAX_BYTES && list.firstVersion >= 0;
  }

  constructor(buffer: ArrayBuffer, list: NativeList) {
    const bytes = list.codesStart;
    this.words = new Int32Array(buffer);
    this.floats = new Float64Array(buffer, 0, bytes / Float64Array.BYTES_PER_ELEMENT);
    this.wordsAgain = new Int32Array(buffer);
    this.floatsAgain = new Float64Array(buffer, 0, bytes / Float64Array.BYTES_PER_ELEMENT);
    this.ints = new BigInt64Array(buffer, 0, bytes / BigInt64Array.BYTES_PER_ELEMENT);
    this.codes = new Int8Array(buffer, bytes, list.length);
    this.codesAgain = new Int8Array(buffer, bytes, list.length);
    this.firstVersion = (list.firstVersion / Int32Array.BYTES_PER_ELEMENT) | 0;
    this.versionMask = list.versionMask | 0;
    this.hasOwnVersions = list.length <= list.versionMask + 1;
    this.formats = (list.formatsStart / Int32Array.BYTES_PER_ELEMENT) | 0;
    this.data = (list.dataStart / Float64Array.BYTES_PER_ELEMENT) | 0;
    this.dataBytes = list.dataBytes | 0;
    this.length = list.length | 0;
  }

  /**
   * Returns the value in a slot, or `undefined` to leave it to Rust, and for what is no number of a slot. It is in parts because
   * the engine does not inline a long function.
   */
  get(index: number): number | bigint | boolean | string | null | undefined {
    if (typeof index !== 'number' || index >>> 0 !== index || index >= this.length) return undefined;
    const { words } = this;
    const place = (this.firstVersion - ((index & this.versionMask) << VERSION_SHIFT)) | 0;
    const version = IS_ORDERED ? words[place] : Atomics.load(words, place);
    const at = (this.formats + 2 * index) | 0;
    const format = words[at];
    const start = this.#start(index);
    if (start < 0) return undefined;
    const position = (this.data + (start >> WORD_SHIFT)) | 0;
    const code = this.codes[index];
    if (words[at + 1] !== NUMBER_HIGH || code !== scalarCode)
      return this.#getOther(index, at, position, format, code, place, version);
    const bits = this.floats[position] as number;
    // A NaN, which most negative integers are as a double, never equals itself. Other differences mean a write.
    if (bits !== bits || this.wordsAgain[place] !== version)
      return format === INT ? this.#readBigint(at, position, place, version) : undefined;
    if (!IS_ORDERED && !this.#stands(at, format, position, bits, place, version)) return undefined;
    if (format === FLOAT) return bits;
    return format === INT ? this.#integer(at, position, bits, place, version) : undefined;
  }

  /**
   * Writes a value to a slot that holds its type already. Returns false to leave it to Rust, and for what is no number of a
   * slot.
   */
  set(index: number, value: unknown): boolean {
    if (typeof index !== 'number' || index >>> 0 !== index || index >= this.length) return false;
    const { words } = this;
    const at = (this.formats + 2 * index) | 0;
    const format = words[at];
    const start = this.#start(index);
    if (start < 0) return false;
    const position = (this.data + (start >> WORD_SHIFT)) | 0;
    if (typeof value !== 'number') return this.#setOther(index, at, position, value);
    if (words[at + 1] !== NUMBER_HIGH || this.codes[index] !== scalarCode) return false;
    if (format === INT) return this.#writeInt(position, value);
    // Rust stores the same NaN as CPython.
    if (format !== FLOAT || value !== value) return false;
    this.floats[position] = value;
    return true;
  }

  #setOther(index: number, at: number, position: number, value: unknown): boolean {
    const format = this.words[at];
    const high = this.words[at + 1];
    if (value === null) return this.#setNull(index, at, position);
    if (typeof value === 'string') return IS_ORDERED && this.#setText(index, at, position, value);
    if (this.codes[index] !== scalarCode) return false;
    if (typeof value === 'boolean' && format === BOOL && high === BOOL_HIGH) {
      this.floats[position] = value ? TRUE : 0;
      return true;
    }
    if (typeof value === 'bigint' && format === INT && high === NUMBER_HIGH && fitsInt64(value)) {
      this.ints[position] = value;
      return true;
    }
    return false;
  }

  #setNull(index: number, at: number, position: number): boolean {
    const { words } = this;
    if (words[at] !== NONE || words[at + 1] !== NONE_HIGH || this.codes[index] !== noneCode) return false;
    this.floats[position] = 0;
    return true;
  }

  /** Returns where a slot starts in the data area, in bytes, or -1 when its offsets are not valid. */
  #start(index: number): number {
    const { words } = this;
    const at = (OFFSETS + 2 * index) | 0;
    const start = words[at] as number;
    const end = words[at + 2] as number;
    // Neither difference may be negative. They wrap at 32 bits, but not while `start` and `end` are valid.
    const bits = start | end | (end - start - alignment) | (this.dataBytes - end);
    return ((words[at + 1] as number) | (words[at + 3] as number) | (bits & NO_OFFSET)) === 0 ? start : -1;
  }

  /** Returns the integer with the bits of this double, which were read there. */
  #integer(
    at: number,
    position: number,
    bits: number,
    place: number,
    version: number | undefined,
  ): number | bigint | undefined {
    scratch[0] = bits;
    const low = scratchWords[0] as number;
    const high = scratchWords[1] as number;
    if (high === 0) return low;
    return high < SAFE_HIGH ? high * TWO_TO_32 + low : this.#readBigint(at, position, place, version);
  }

  /** Reads an integer whose bits are a NaN as a double, as for all negative ones, or that is past 2^53. */
  #readBigint(at: number, position: number, place: number, version: number | undefined): number | bigint | undefined {
    const value = this.ints[position] as bigint;
    const isSettled =
      this.wordsAgain[place] === version && (IS_ORDERED || this.#standsAsInt(at, position, value, place, version));
    if (!isSettled) return undefined;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** Reads text, a boolean or null. */
  #getOther(
    index: number,
    at: number,
    position: number,
    format: number | undefined,
    code: number | undefined,
    place: number,
    version: number | undefined,
  ): boolean | string | null | undefined {
    const high = this.words[at + 1];
    if (code === textCode) return IS_ORDERED ? this.#getText(index, at, position, format, place, version) : undefined;
    const isNull = format === NONE && high === NONE_HIGH && code === noneCode;
    if (!isNull && (format !== BOOL || high !== BOOL_HIGH || code !== scalarCode)) return undefined;
    const bits = this.floats[position] as number;
    const isSettled =
      this.wordsAgain[place] === version && (IS_ORDERED || this.#stands(at + 1, high, position, bits, place, version));
    if (!isSettled) return undefined;
    scratch[0] = bits;
    return isNull ? null : (scratchWords[1] as number) >>> 24 !== 0;
  }

  /**
   * Reads text. CPython writes without the version, so every word has to be the same in a second look, and then the code and
   * the format.
   */
  #getText(
    index: number,
    at: number,
    position: number,
    format: number | undefined,
    place: number,
    version: number | undefined,
  ): string | undefined {
    const count = this.#textWords(index, at);
    if (count === 0) return undefined;
    if (count > FEW_WORDS) return this.#getLongText(index, at, position, count, place, version);
    const { floats, floatsAgain, wordsAgain } = this;
    const first = floats[position] as number;
    const second = count > 1 ? (floats[position + 1] as number) : 0;
    const third = count > 2 ? (floats[position + 2] as number) : 0;
    // A word that is a NaN is not ASCII either.
    if (floatsAgain[position] !== first) return undefined;
    if (count > 1 && floatsAgain[position + 1] !== second) return undefined;
    if (count > 2 && floatsAgain[position + 2] !== third) return undefined;
    if (this.codesAgain[index] !== textCode || wordsAgain[at] !== format) return undefined;
    return wordsAgain[place] === version ? decodeAscii(first, second, third) : undefined;
  }

  #getLongText(
    index: number,
    at: number,
    position: number,
    count: number,
    place: number,
    version: number | undefined,
  ): string | undefined {
    const { floats, floatsAgain } = this;
    for (let i = 0; i < count; i++) longWords[i] = floats[position + i] as number;
    for (let i = 0; i < count; i++) if (floatsAgain[position + i] !== longWords[i]) return undefined;
    if (this.codesAgain[index] !== textCode || !this.#isText(count, at, this.wordsAgain)) return undefined;
    return this.wordsAgain[place] === version ? decodeLongAscii(count) : undefined;
  }

  /** Whether a slot of that number of words has the format of padded text. The first halves of long formats can be alike. */
  #isText(count: number, at: number, words: Int32Array): boolean {
    return TEXT_FORMATS[2 * count] === words[at] && TEXT_FORMATS[2 * count + 1] === words[at + 1];
  }

  /**
   * Writes text over text of the same format, as Rust does: the mark, the version, the words, the code, the format again.
   * Another writer may have written bytes before the mark.
   */
  #setText(index: number, at: number, position: number, text: string): boolean {
    const { words, floats } = this;
    const count = this.#textWords(index, at);
    if (count === 0 || count > FEW_WORDS || this.codes[index] !== textCode || !encodeAscii(text, count)) return false;
    const format = TEXT_FORMATS[2 * count] as number;
    const first = textWords[0] as number;
    if (count === 1) {
      floats[position] = first;
      return true;
    }
    const second = textWords[1] as number;
    const third = textWords[2] as number;
    const place = (this.firstVersion - ((index & this.versionMask) << VERSION_SHIFT)) | 0;
    if (Atomics.compareExchange(words, at, format, WRITING) !== format) return false;
    // While this process holds the mark, no other one changes the version of this slot alone.
    if (this.hasOwnVersions) words[place] = (words[place] as number) + 1;
    else Atomics.add(words, place, 1);
    // No call and no loop up to the last write, because a terminated worker thread ends only at those.
    floats[position] = first;
    floats[position + 1] = second;
    if (count > 2) floats[position + 2] = third;
    this.codes[index] = textCode;
    words[at] = format;
    return true;
  }

  /** Returns the number of words of a slot whose text has the format for its size, or 0, also for long text. */
  #textWords(index: number, at: number): number {
    const { words } = this;
    const offset = (OFFSETS + 2 * index) | 0;
    const count = ((words[offset + 2] as number) - (words[offset] as number)) >> WORD_SHIFT;
    return count > 0 && 2 * count < TEXT_FORMATS.length && this.#isText(count, at, words) ? count : 0;
  }

  /** Whether format, value, format and version are read in that order, on a processor that does not keep loads in order. */
  #stands(
    at: number,
    half: number | undefined,
    position: number,
    bits: number,
    place: number,
    version: number | undefined,
  ): boolean {
    const { words } = this;
    const value = 2 * position;
    scratch[0] = bits;
    const low = scratchHalves[0];
    const high = scratchHalves[1];
    return (
      Atomics.load(words, at) === half &&
      Atomics.load(words, value) === low &&
      Atomics.load(words, value + 1) === high &&
      Atomics.load(words, at) === half &&
      Atomics.load(words, place) === version
    );
  }

  /** Does the same for an integer, whose bits a double may not preserve. */
  #standsAsInt(at: number, position: number, value: bigint, place: number, version: number | undefined): boolean {
    const { words } = this;
    return (
      Atomics.load(words, at) === INT &&
      Atomics.load(this.ints, position) === value &&
      Atomics.load(words, at) === INT &&
      Atomics.load(words, place) === version
    );
  }

  #writeInt(position: number, value: number): boolean {
    const int = value | 0;
    // Most integers. A negative zero is stored as a double. V8 makes no bigint here: it stores the 64 bits.
    if (int === value && (int !== 0 || 1 / value > 0)) {
      this.ints[position] = BigInt(int);
      return true;
    }
    return this.#writeLargeInt(position, value);
  }

  #writeLargeInt(position: number, value: number): boolean {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    if (value < 0) {
      this.ints[position] = BigInt(value);
    } else {
      scratchWords[0] = value;
      scratchWords[1] = value / TWO_TO_32;
      this.floats[position] = scratch[0] as number;
    }
    return true;
  }
}
