/** Copies of byte ranges. Those of middle length share allocations. */
import type { Piece } from './codec.js';

/** Up to this length the engine keeps the bytes of an array beside the array, which is quicker than a slab. */
const SHORT = 64;
/** Bytes of one slab, and the longest copy that is made in one. A view keeps all of its slab alive. */
const SLAB = 65_536;
const LONGEST = 4096;

/** Up to this length, in bytes, a loop is quicker than a view of the source: over words of 32 bits, and over bytes. */
const WORD_LOOP = 128;
const BYTE_LOOP = 32;

// The views are not asked for their memory for each copy, because that is a call.
let buffer = new ArrayBuffer(SLAB);
let slab = new Uint8Array(buffer);
let slabWords = new Int32Array(buffer);
let used = 0;

/** A copy of `length` bytes at `start`. */
export function copyOut({ memory, plain, words }: Piece, start: number, length: number): Uint8Array {
  if (length <= SHORT) return plain.slice(start, start + length);
  // Not by `slice`, which fills the memory with zeros before it copies. A view by `subarray` takes longer to make.
  if (length > LONGEST) return new Uint8Array(new Uint8Array(memory, start, length));
  if (used + length > SLAB) {
    buffer = new ArrayBuffer(SLAB);
    slab = new Uint8Array(buffer);
    slabWords = new Int32Array(buffer);
    used = 0;
  }
  const at = used;
  used += (length + 7) & ~7;
  // Up to three bytes behind the message go along, where the memory has them.
  const end = (start + length + 3) >> 2;
  if (length <= WORD_LOOP && (start & 3) === 0 && end <= words.length) {
    for (let from = start >> 2, to = at >> 2; from < end; from++, to++) slabWords[to] = words[from] as number;
  } else {
    slab.set(new Uint8Array(memory, start, length), at);
  }
  return new Uint8Array(buffer, at, length);
}

/** Copies the bytes of a piece to the beginning of `target`. */
export function copyInto(target: Uint8Array, { plain, memory, start, length }: Piece): void {
  if (length > BYTE_LOOP) target.set(new Uint8Array(memory, start, length));
  else for (let i = 0; i < length; i++) target[i] = plain[start + i] as number;
}
