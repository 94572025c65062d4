/**
 * Writes short values without a native call, where no other participant waits. The guard is taken and left as in `fast.ts`;
 * what happens under it is what the core's `gate/value.rs` does.
 */
import { gateLayout, gateLeave } from '../native/binding.js';
import type { Gate } from './gate.js';

const { guard, writer, waiting, phase, version, values } = gateLayout;

/** Longer values are left to the native call, which copies them faster. */
const LONGEST = 256;
/** Bytes of the length before a value. */
const LENGTH_BYTES = 8;

/** The fast path of one instance. */
export class FastValue {
  readonly #gate: Gate;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #version: Float64Array;
  /** The same word. Only integers can be stored atomically. */
  readonly #versionBits: BigInt64Array;
  readonly #seat: number;
  readonly #half: number;
  readonly #longest: number;
  readonly #number = new Float64Array(1);
  readonly #bits = new BigInt64Array(this.#number.buffer);

  constructor(gate: Gate) {
    const { words, native } = gate;
    const { buffer } = words;
    this.#gate = gate;
    this.#words = words;
    this.#bytes = new Uint8Array(buffer);
    this.#version = new Float64Array(buffer, version * Float64Array.BYTES_PER_ELEMENT, 1);
    this.#versionBits = new BigInt64Array(buffer, version * BigInt64Array.BYTES_PER_ELEMENT, 1);
    this.#seat = native.seat;
    this.#half = native.half;
    this.#longest = Math.min(native.capacity, LONGEST);
  }

  /** Makes the first `length` bytes the latest value; `false` when that needs the native call. */
  write(bytes: Uint8Array, length: number): boolean {
    const words = this.#words;
    if (length > this.#longest || words[waiting] !== 0 || this.#gate.mayBeTruncated) return false;
    if (Atomics.compareExchange(words, guard, 0, this.#seat) !== 0) return false;
    const isWritten = words[waiting] === 0 && words[writer] === 0 && this.#put(bytes, length);
    if (Atomics.compareExchange(words, guard, this.#seat, 0) !== this.#seat) gateLeave(this.#gate.native.handle);
    return isWritten && !this.#gate.mayBeTruncated;
  }

  /** Writes to the idle half, and then moves the version. */
  #put(bytes: Uint8Array, length: number): boolean {
    const next = (this.#version[0] as number) + 1;
    // The native call knows what follows the last version, and what to do about one that is damaged.
    if (!Number.isSafeInteger(next) || next < 2) return false;
    const words = this.#words;
    const start = values + (next % 2 === 0 ? 0 : this.#half);
    const word = start / Int32Array.BYTES_PER_ELEMENT;
    words[word] = length;
    words[word + 1] = 0;
    const all = this.#bytes;
    const at = start + LENGTH_BYTES;
    for (let i = 0; i < length; i++) all[at + i] = bytes[i] as number;
    this.#number[0] = next;
    Atomics.store(this.#versionBits, 0, this.#bits[0] as bigint);
    // After the version: who has seen this phase sees this value.
    words[phase] = (words[phase] as number) + 1;
    return true;
  }
}
