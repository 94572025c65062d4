/**
 * Arrow's inter-process format: a sequence of messages, each metadata and a body. What a reader decodes of it is copied
 * first, because an untrusted writer may change it meanwhile; the bodies, which hold the columns, are not.
 *
 * Source: the Arrow columnar format, "Serialization and Interprocess Communication".
 */
import type { Message } from 'apache-arrow';

import { LayoutError, SharedMemoryError } from '../errors.js';
import type { Arrow } from './library.js';
import { checkMetadata } from './metadata.js';

/** The first bytes of the file format; the streaming format has none. */
export const FILE_MAGIC: Uint8Array = new TextEncoder().encode('ARROW1');

/** Where the first message of a file starts. Messages and buffers start at multiples of this. */
export const ALIGNMENT = 8;

/** A continuation marker and a length precede the metadata of every message. */
const PREFIX = 8;
const CONTINUATION = -1;

/** The error for bytes that are not a table's. */
export function notATable(segment: string, why: string, cause?: unknown): LayoutError {
  return new LayoutError(`segment '${segment}' does not hold an Arrow table: ${why}`, {
    code: 'ERR_SHM_LAYOUT',
    segment,
    cause,
  });
}

function unsupported(segment: string, what: string, instead: string): SharedMemoryError {
  return new SharedMemoryError(
    `the Arrow table in segment '${segment}' has ${what}, which cannot be read in place: ${instead}`,
    {
      code: 'ERR_SHM_UNSUPPORTED',
      segment,
    },
  );
}

/** Turns what apache-arrow throws while it reads into one of our errors. */
export function readingFailed(segment: string, cause: unknown): SharedMemoryError {
  if (cause instanceof SharedMemoryError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const [, type] = /Unrecognized type: "?(\w+)"?/.exec(reason) ?? [];
  if (type !== undefined && type !== 'undefined')
    return unsupported(segment, `a column of type ${type}`, 'apache-arrow does not know it; convert the column');
  return notATable(segment, reason, cause);
}

/** Whether the bytes begin as the file format does. */
export function isFile(bytes: Uint8Array): boolean {
  return FILE_MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * The messages in `bytes`, in the pieces in which apache-arrow reads them: metadata, copied; body, in place.
 *
 * @throws {LayoutError} `ERR_SHM_LAYOUT` for bytes that are not Arrow's, or that end within a message
 * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` for compressed bodies and types that apache-arrow does not know
 */
export function* readMessages(arrow: Arrow, bytes: Uint8Array, segment: string): Generator<Uint8Array> {
  let at = isFile(bytes) ? ALIGNMENT : 0;
  for (let count = 0; at < bytes.length; count++) {
    const prefix = new DataView(bytes.slice(at, at + PREFIX).buffer);
    if (prefix.byteLength < PREFIX) throw notATable(segment, 'it ends within a message');
    if (prefix.getInt32(0, true) !== CONTINUATION) throw notATable(segment, `there is no message at byte ${at}`);
    const length = prefix.getInt32(4, true);
    if (length === 0 && count > 0) return;
    const bodyStart = at + PREFIX + length;
    if (length <= 0 || bodyStart > bytes.length) throw notATable(segment, 'it ends within a message');
    if (bodyStart % ALIGNMENT !== 0)
      throw notATable(segment, `the message at byte ${at} is not padded to ${ALIGNMENT} bytes`);
    const metadata = bytes.slice(at, bodyStart);
    const bodyLength = checkMessage(arrow, metadata.subarray(PREFIX), count, segment);
    at = bodyStart + bodyLength;
    if (at > bytes.length) throw notATable(segment, 'it ends within a message');
    yield metadata;
    if (bodyLength > 0) yield bytes.subarray(bodyStart, at);
  }
  throw notATable(segment, 'it does not end');
}

/** Checks a message by its metadata, and returns the length of its body in bytes. */
function checkMessage(arrow: Arrow, metadata: Uint8Array, count: number, segment: string): number {
  const malformed = checkMetadata(metadata);
  if (malformed !== undefined) throw notATable(segment, malformed);
  let message: Message;
  try {
    message = arrow.Message.decode(metadata);
  } catch (error) {
    throw readingFailed(segment, error);
  }
  const { bodyLength } = message;
  if (!Number.isSafeInteger(bodyLength) || bodyLength < 0)
    throw notATable(segment, `a message has a body of ${bodyLength} bytes`);
  if (count === 0 && !message.isSchema()) {
    throw notATable(
      segment,
      'it does not start with a schema (tableToIPC writes such files: use shareTable or the stream format)',
    );
  }
  const batch = message.isDictionaryBatch()
    ? message.header().data
    : message.isRecordBatch()
      ? message.header()
      : undefined;
  if (batch?.compression != null) {
    throw unsupported(segment, 'compressed buffers', 'write it without compression');
  }
  return bodyLength;
}
