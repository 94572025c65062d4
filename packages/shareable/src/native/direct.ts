import type { Storable } from '../list/values.js';
import type { NativeLock } from './native.js';

/**
 * The functions that `crates/binding/src/direct.rs` adds to the addon. The generated types do not have them. Numbers pass through
 * the array of `segmentFacts()`: a function takes from it what its description names, and writes the facts about what it
 * opens.
 */
export interface Direct {
  /** Creates a segment with a random name, by `size` and `settings`, and returns the name. */
  readonly createRandom: () => string;
  /** Attaches to the segment of that name, by `settings`. */
  readonly attachNamed: (name: string) => void;
  /** Attaches to the list in the segment of that name, by `settings`. */
  readonly attachListNamed: (name: string) => void;
  /** Finds the list in the segment of `handle`. */
  readonly findList: () => void;
  /** Reads slot `index` of the list in the segment of `handle`. */
  readonly getSlot: () => Storable;
  /** Writes that slot. */
  readonly setSlot: (value: Storable) => void;
  /** Makes an ArrayBuffer over the segment of `handle`. Every call makes another one. */
  readonly bufferOf: () => ArrayBuffer;
  /**
   * Closes the segment of `handle`, of which there is no buffer. With the bit `unlink` of `settings`, an owner unlinks it too,
   * if no process did so before. Returns the bits of `segmentEnding()`.
   */
  readonly leave: () => number;
  /** The same, and detaches the newest buffer over the segment. */
  readonly leaveBuffer: (buffer: ArrayBuffer) => number;
  /**
   * Takes the lock if it is free. Returns 0, or 1 when its last holder died while it held it; -1 when another participant has
   * it.
   */
  readonly lockTry: (lock: NativeLock['handle']) => number;
  /**
   * The same, blocking until the lock is free or `timeout` has passed. Returns -2 after 50 ms, so that the thread can be
   * terminated. Then call `lockContinue`.
   */
  readonly lockAcquire: (lock: NativeLock['handle']) => number;
  readonly lockContinue: (lock: NativeLock['handle']) => number;
  /** Releases the lock. Returns `false` when it was no longer held. */
  readonly lockRelease: (lock: NativeLock['handle']) => boolean;
}
