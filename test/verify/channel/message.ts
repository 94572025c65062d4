/** Messages of all lengths that tell whether they are whole. */

/** Bytes of the longest message: more than an eighth of the ring, so that some are sent in fragments. */
const LONGEST = 12_000;
const HEADER = 12;

/** The message of a producer that has this number. */
export function makeMessage(producer: number, number: number): Buffer {
  const length = HEADER + ((number * 7919 + producer * 31) % (number % 16 === 0 ? LONGEST : 400));
  const message = Buffer.alloc(length, (number ^ producer) & 0xff);
  message.writeUInt32LE(producer, 0);
  message.writeUInt32LE(number, 4);
  message.writeUInt32LE(length, 8);
  return message;
}

/**
 * Reads a message.
 *
 * @throws when it is torn
 */
export function checkMessage(bytes: Uint8Array): { producer: number; number: number } {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [producer, number] = [message.readUInt32LE(0), message.readUInt32LE(4)];
  if (message.equals(makeMessage(producer, number))) return { producer, number };
  throw new Error(`message ${number} of producer ${producer} is torn`);
}
