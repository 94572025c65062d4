/** Messages of all lengths that tell whether they are whole, and when they were sent. */

/** Bytes of the longest message: more than an eighth of the ring, so that some are sent in fragments. */
const LONGEST = 12_000;
const HEADER = 20;

/** Bytes of the rings. Messages longer than an eighth of that are sent in fragments. */
export const CAPACITY = 16_384;

/** Returns the time in milliseconds on a clock that all processes share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Returns the length of the message of a producer that has this number. */
export function lengthOf(producer: number, number: number): number {
  return HEADER + ((number * 7919 + producer * 31) % (number % 16 === 0 ? LONGEST : 400));
}

/** Makes the message of a producer that has this number. */
export function makeMessage(producer: number, number: number, sentAt: number): Buffer {
  const length = lengthOf(producer, number);
  const message = Buffer.alloc(length, (number ^ producer) & 0xff);
  message.writeUInt32LE(producer, 0);
  message.writeUInt32LE(number, 4);
  message.writeUInt32LE(length, 8);
  message.writeDoubleLE(sentAt, 12);
  return message;
}

/**
 * Reads a message.
 *
 * @throws when it is torn
 */
export function checkMessage(message: Buffer): { producer: number; number: number; sentAt: number } {
  if (message.length < HEADER) throw new Error(`a message of ${message.length} bytes is torn`);
  const [producer, number] = [message.readUInt32LE(0), message.readUInt32LE(4)];
  const sentAt = message.readDoubleLE(12);
  if (message.equals(makeMessage(producer, number, sentAt))) return { producer, number, sentAt };
  throw new Error(`message ${number} of producer ${producer} is torn`);
}
