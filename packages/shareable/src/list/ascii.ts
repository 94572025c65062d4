/**
 * Short ASCII text as words of 8 bytes, the way that it lies in memory. Any other text is left to Rust: for a few
 * characters a call costs more than the text, for many it does not.
 */

/** A text on its way to memory: its words, and zeros after its end. */
export const textWords: Float64Array = new Float64Array(3);
const textBytes = new Uint8Array(textWords.buffer);

const word = new Float64Array(1);
const wordBytes = new Uint8Array(word.buffer);
const wordHalves = new Uint32Array(word.buffer);
/** Set in the bytes of what is not ASCII. */
const NOT_ASCII = 0x8080_8080;
const BYTES = Float64Array.BYTES_PER_ELEMENT;

/**
 * Puts `text` into {@link textWords}, if it is ASCII, fits so many words, and does not end in NUL, which in a slot would
 * be padding.
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

/** The first characters of {@link word}. A call for each length: cutting a longer text costs several times as much. */
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

/** The text in a word, without the NULs at its end if it `isLast`; `undefined` if it is not ASCII. */
export function decodeAscii(bits: number, isLast: boolean): string | undefined {
  word[0] = bits;
  const low = wordHalves[0] as number;
  const high = wordHalves[1] as number;
  if (((low | high) & NOT_ASCII) !== 0) return undefined;
  if (!isLast) return characters(BYTES);
  return characters(high !== 0 ? BYTES - (Math.clz32(high) >>> 3) : BYTES / 2 - (Math.clz32(low) >>> 3));
}
