/** Copies of byte ranges. Those of middle length share allocations. */
import type { Piece } from './codec.js';

/** Up to this length the engine keeps the bytes of an array beside the array, which is quicker than a slab. */
const SHORT = 64;
/** Bytes of one slab, and the longest copy that is made in one. A view keeps all of its slab alive. */
const SLAB = 65_536;
const LONGEST = 4096;

/** Up to this length a loop is quicker than a view. */
const LOOP = 32;

let slab = new Uint8Array(SLAB);
// Not asked of `slab` for each copy, because that is a call.
let { buffer } = slab;
let used = 0;

/** A copy of `length` bytes at `start`. */
export function copyOut({ plain }: Piece, start: number, length: number): Uint8Array {
  if (length <= SHORT) return plain.slice(start, start + length);
  // Not by `slice`, which fills the memory with zeros before it copies.
  const source = plain.subarray(start, start + length);
  if (length > LONGEST) return new Uint8Array(source);
  if (used + length > SLAB) {
    slab = new Uint8Array(SLAB);
    ({ buffer } = slab);
    used = 0;
  }
  const at = used;
  used += (length + 7) & ~7;
  slab.set(source, at);
  return new Uint8Array(buffer, at, length);
}

/** Copies the bytes of a piece to the beginning of `target`. */
export function copyInto(target: Uint8Array, { plain, start, length }: Piece): void {
  if (length > LOOP) target.set(plain.subarray(start, start + length));
  else for (let i = 0; i < length; i++) target[i] = plain[start + i] as number;
}
