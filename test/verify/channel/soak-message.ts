/** Messages of `soak.ts`: the number of the message, then bytes that follow from it. */

/** Bytes of the ring. Few, so that it often has an end between two messages, and often is full. */
export const CAPACITY = 16_384;
const HEADER = 4;
/** The number of messages from one long message to the next one, which is sent in fragments. */
const LONG_EVERY = 4099;
const LONG = 3000;

/** Returns the length of a message in bytes: 8 to 120, 64 in the mean. */
export function lengthOf(id: number): number {
  return id % LONG_EVERY === 0 ? LONG : 8 + ((Math.imul(id, 0x9e37_79b1) >>> 16) % 113);
}

/** Returns the mean number of units of 8 bytes that the messages from `from` to `to` take. */
export function unitsOf(from: number, to: number): number {
  let units = 0;
  const count = Math.min(to - from, 10_000);
  for (let i = 0; i < count; i++) units += 1 + ((lengthOf(from + i) + 7) >>> 3);
  return units / count;
}

/** Writes a message to `target` from `start` on. */
export function writeMessage(id: number, target: Uint8Array, start: number): void {
  const length = lengthOf(id);
  for (let i = 0; i < HEADER; i++) target[start + i] = id >>> (8 * i);
  target.fill(id ^ (id >>> 8), start + HEADER, start + length);
}

/** Reads a message. Returns its number, or -1 when it is torn. */
export function readMessage(source: Uint8Array, start: number, length: number): number {
  let id = 0;
  for (let i = HEADER - 1; i >= 0; i--) id = (id << 8) | (source[start + i] as number);
  id >>>= 0;
  if (length !== lengthOf(id)) return -1;
  const filler = (id ^ (id >>> 8)) & 0xff;
  for (let i = HEADER; i < length; i++) if (source[start + i] !== filler) return -1;
  return id;
}
