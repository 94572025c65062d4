/**
 * Short ASCII text as words of 8 bytes, as it is stored. Rust handles all other text: only for short text does the call
 * cost more than the conversion.
 */

/** The words of an encoded text, with zeros after its end. */
export const textWords: Float64Array = new Float64Array(3);
const textBytes = new Uint8Array(textWords.buffer);

const word = new Float64Array(1);
const wordBytes = new Uint8Array(word.buffer);
const wordHalves = new Uint32Array(word.buffer);
/** The bits that are set in bytes that are not ASCII. */
const NOT_ASCII = 0x8080_8080;
const BYTES = Float64Array.BYTES_PER_ELEMENT;

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
  let all = 0;
  let last = 1;
  for (let i = 0; i < length; i++) {
    last = text.charCodeAt(i);
    all |= last;
    textBytes[i] = last;
  }
  return all < 0x80 && last !== 0;
}

/** Returns the first characters of {@link word}. One call per length: cutting a longer text costs several times more. */
function characters(length: number): string {
  const a = wordBytes[0] as number;
  const b = wordBytes[1] as number;
  const c = wordBytes[2] as number;
  const d = wordBytes[3] as number;
  const e = wordBytes[4] as number;
  const f = wordBytes[5] as number;
  const g = wordBytes[6] as number;
  const h = wordBytes[7] as number;
  if (length === BYTES) return String.fromCharCode(a, b, c, d, e, f, g, h);
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
    default:
      return '';
  }
}

/** Returns the text in a word, for the last word without trailing NULs, or `undefined` if it is not ASCII. */
export function decodeAscii(bits: number, isLast: boolean): string | undefined {
  word[0] = bits;
  const low = wordHalves[0] as number;
  const high = wordHalves[1] as number;
  if (((low | high) & NOT_ASCII) !== 0) return undefined;
  if (!isLast) return characters(BYTES);
  return characters(high !== 0 ? BYTES - (Math.clz32(high) >>> 3) : BYTES / 2 - (Math.clz32(low) >>> 3));
}
