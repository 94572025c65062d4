/**
 * Short ASCII text as words of 8 bytes, as it is stored. Rust handles all other text: only for short text does the call
 * cost more than the conversion.
 */
import { Buffer } from 'node:buffer';
import { TextEncoder } from 'node:util';

import { layout } from '../native/binding.js';

/** The words of a text that is encoded or decoded, with zeros after its end. */
export const textWords: Float64Array = new Float64Array(3);
const textBytes = new Uint8Array(textWords.buffer);
const textHalves = new Uint32Array(textWords.buffer);
/** The bits that are set in bytes that are not ASCII. */
const NOT_ASCII = 0x8080_8080;
const BYTES = Float64Array.BYTES_PER_ELEMENT;
/** The most words that are encoded, or decoded character by character. */
export const FEW_WORDS: number = textWords.length;
/** Up to this length, reading characters one by one takes less time than a call that leaves the compiled code. */
const FEW_CHARACTERS = 12;
const encoder = new TextEncoder();
/** The words of a longer text that is decoded, as many as the formats of {@link layout}. */
export const longWords: Float64Array = new Float64Array(layout.textFormats.length / 2);
const longHalves = new Uint32Array(longWords.buffer);
const longBytes = Buffer.from(longWords.buffer);
const HALF = BYTES / 2;

/**
 * Encodes `text` into {@link textWords}. Returns false if it is not ASCII, does not fit that number of words, or ends in
 * NUL, which would be padding in a slot.
 */
export function encodeAscii(text: string, words: number): boolean {
  const { length } = text;
  if (length > words * BYTES) return false;
  textWords[0] = 0;
  textWords[1] = 0;
  textWords[2] = 0;
  if (length > FEW_CHARACTERS) {
    // Each character that is not ASCII takes more than one byte, and may not fit.
    const { read, written } = encoder.encodeInto(text, textBytes);
    return read === length && written === length && textBytes[length - 1] !== 0;
  }
  let all = 0;
  let last = 1;
  for (let i = 0; i < length; i++) {
    last = text.charCodeAt(i);
    all |= last;
    textBytes[i] = last;
  }
  return all < 0x80 && last !== 0;
}

/** The number of texts that are kept, a power of two: making a string costs more than the rest of a read. */
const KEPT = 256;
const HASH_SHIFT = Math.clz32(KEPT - 1);
/** The words of the texts that were read last, by their hash. */
const keptWords = new Float64Array(KEPT * FEW_WORDS);
/** The texts of those that were read at least twice; otherwise empty, so that texts that are read once are not kept alive. */
const keptTexts: string[] = Array.from({ length: KEPT }, () => '');
/** Odd numbers without a pattern in their bits: from the golden ratio, and from the square root of 3. */
const [ODD, OTHER_ODD] = [0x9e37_79b1, 0xbb67_ae85];

/** Returns the text in three words, without trailing NULs, or `undefined` if it is not ASCII. */
export function decodeAscii(first: number, second: number, third: number): string | undefined {
  textWords[0] = first;
  textWords[1] = second;
  textWords[2] = third;
  const a = textHalves[0] as number;
  const b = textHalves[1] as number;
  const c = textHalves[2] as number;
  const d = textHalves[3] as number;
  const e = textHalves[4] as number;
  const f = textHalves[5] as number;
  // So none of the words is a NaN or a negative zero, and `===` compares their bits.
  if (((a | b | c | d | e | f) & NOT_ASCII) !== 0) return undefined;
  const hash = Math.imul((a ^ c ^ e) + Math.imul(b ^ d ^ f, ODD), OTHER_ODD) >>> HASH_SHIFT;
  const at = FEW_WORDS * hash;
  if (keptWords[at] !== first || keptWords[at + 1] !== second || keptWords[at + 2] !== third) {
    keptWords[at] = first;
    keptWords[at + 1] = second;
    keptWords[at + 2] = third;
    keptTexts[hash] = '';
    return characters(lengthOf(a, b, c, d, e, f));
  }
  const kept = keptTexts[hash] as string;
  return kept === '' ? (keptTexts[hash] = characters(lengthOf(a, b, c, d, e, f))) : kept;
}

/** Returns the number of characters before the NULs at the end of these halves. */
function lengthOf(a: number, b: number, c: number, d: number, e: number, f: number): number {
  if (f !== 0) return 6 * HALF - lastNuls(f);
  if (e !== 0) return 5 * HALF - lastNuls(e);
  if (d !== 0) return 4 * HALF - lastNuls(d);
  if (c !== 0) return 3 * HALF - lastNuls(c);
  if (b !== 0) return 2 * HALF - lastNuls(b);
  return HALF - lastNuls(a);
}

/** Returns the number of NULs at the end of a half, whose last byte is the highest. */
function lastNuls(half: number): number {
  return Math.clz32(half) >>> 3;
}

/** Returns the text in that number of {@link longWords}, without trailing NULs, or `undefined` if it is not ASCII. */
export function decodeLongAscii(words: number): string | undefined {
  const halves = 2 * words;
  let all = 0;
  for (let half = 0; half < halves; half++) all |= longHalves[half] as number;
  if ((all & NOT_ASCII) !== 0) return undefined;
  let end = halves;
  while (end > 0 && longHalves[end - 1] === 0) end--;
  const length = end === 0 ? 0 : HALF * end - lastNuls(longHalves[end - 1] as number);
  return longBytes.toString('latin1', 0, length);
}

/**
 * Returns the first characters of {@link textWords}. One call with all of them, which is why each length has a line: joining
 * parts, or cutting a longer text, costs several times more.
 */
function characters(length: number): string {
  const a = textBytes[0] as number;
  const b = textBytes[1] as number;
  const c = textBytes[2] as number;
  const d = textBytes[3] as number;
  const e = textBytes[4] as number;
  const f = textBytes[5] as number;
  const g = textBytes[6] as number;
  const h = textBytes[7] as number;
  const i = textBytes[8] as number;
  const j = textBytes[9] as number;
  const k = textBytes[10] as number;
  const l = textBytes[11] as number;
  const m = textBytes[12] as number;
  const n = textBytes[13] as number;
  const o = textBytes[14] as number;
  const p = textBytes[15] as number;
  const q = textBytes[16] as number;
  const r = textBytes[17] as number;
  const s = textBytes[18] as number;
  const t = textBytes[19] as number;
  const u = textBytes[20] as number;
  const v = textBytes[21] as number;
  const w = textBytes[22] as number;
  const x = textBytes[23] as number;
  switch (length) {
    case 1:
      return String.fromCharCode(a);
    case 2:
      return String.fromCharCode(a, b);
    case 3:
      return String.fromCharCode(a, b, c);
    case 4:
      return String.fromCharCode(a, b, c, d);
    case 5:
      return String.fromCharCode(a, b, c, d, e);
    case 6:
      return String.fromCharCode(a, b, c, d, e, f);
    case 7:
      return String.fromCharCode(a, b, c, d, e, f, g);
    case 8:
      return String.fromCharCode(a, b, c, d, e, f, g, h);
    case 9:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i);
    case 10:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j);
    case 11:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k);
    case 12:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l);
    case 13:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m);
    case 14:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
    case 15:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
    case 16:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
    case 17:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
    case 18:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
    case 19:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
    case 20:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
    case 21:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u);
    case 22:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v);
    case 23:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w);
    case 24:
      return String.fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x);
    default:
      return '';
  }
}
