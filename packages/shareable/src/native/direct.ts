import type { Storable } from '../list/values.js';

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
}
