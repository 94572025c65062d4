/** Copies of short byte ranges, many of them in one allocation. */

/** Bytes of one allocation, and the longest copy that is made in it. A small view keeps all of it alive. */
const SLAB = 65_536;
const LONGEST = 4096;
/** Up to this length a loop is faster than a call. */
const SHORT = 64;

let slab = new Uint8Array(SLAB);
let used = 0;

/** A copy of `length` bytes at `start`. */
export function copyOut(from: Uint8Array, start: number, length: number): Uint8Array {
  if (length > LONGEST) return new Uint8Array(from.subarray(start, start + length));
  if (used + length > SLAB) {
    slab = new Uint8Array(SLAB);
    used = 0;
  }
  const at = used;
  used += (length + 7) & ~7;
  if (length <= SHORT) for (let i = 0; i < length; i++) slab[at + i] = from[start + i] as number;
  else slab.set(from.subarray(start, start + length), at);
  return new Uint8Array(slab.buffer, at, length);
}
