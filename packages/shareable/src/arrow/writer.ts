/** Writing a table in two passes: one that counts the bytes, one that puts them into the segment, with no copy between. */
import type { RecordBatch, RecordBatchWriter, Schema, Table, TypeMap } from 'apache-arrow';

import { outOfRange } from '../errors.js';
import type { Arrow } from './library.js';

/** Which of Arrow's two formats: the file has an index at its end, and is what `pa.ipc.open_file` reads. */
export type TableFormat = 'file' | 'stream';

/** apache-arrow computes the length of a buffer, rounded up to 8 bytes, with 32 bits. */
const MAX_BUFFER = 2 ** 31 - 8;

const SPLIT = 'split the table into record batches of fewer rows';

/** What the two passes do with the bytes of a message's metadata, and with the buffers of its body. */
interface Sink {
  /** How far the pass has come, in bytes. */
  position: number;
  metadata(bytes: Uint8Array, position: number): void;
  body(bytes: Uint8Array, position: number): void;
}

function bytesOf(chunk: unknown): Uint8Array {
  const view = chunk as ArrayBufferView<ArrayBuffer>;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The writer of a format, whose bytes go to `sink`. */
function makeWriter<T extends TypeMap>(arrow: Arrow, format: TableFormat, sink: Sink): RecordBatchWriter<T> {
  let isBody = false;
  const methods = {
    write(writer: { _position: number; _started: boolean }, chunk: unknown): void {
      if (!writer._started) return;
      const bytes = bytesOf(chunk);
      if (isBody) sink.body(bytes, writer._position);
      else sink.metadata(bytes, writer._position);
      writer._position += bytes.length;
      sink.position = writer._position;
    },
    body(buffers: readonly ArrayBufferView[], write: () => void): void {
      const large = buffers.find(({ byteLength }) => byteLength > MAX_BUFFER);
      if (large !== undefined) {
        throw outOfRange(
          `a column has a buffer of ${large.byteLength} bytes, and Arrow in JavaScript writes at most ${MAX_BUFFER}: ${SPLIT}`,
        );
      }
      isBody = true;
      try {
        write();
      } finally {
        isBody = false;
      }
    },
  };

  class FileWriter extends arrow.RecordBatchFileWriter<T> {
    protected override _write(chunk: unknown): this {
      methods.write(this as unknown as { _position: number; _started: boolean }, chunk);
      return this;
    }
    protected override _writeSchema(schema: Schema<T>): this {
      // After the magic comes the schema, which apache-arrow leaves out: a file can then be read from its start too.
      super._writeSchema(schema);
      return (
        arrow.RecordBatchWriter.prototype as unknown as { _writeSchema(schema: Schema<T>): unknown }
      )._writeSchema.call(this, schema) as this;
    }
    protected override _writeBodyBuffers(buffers: ArrayBufferView[]): this {
      methods.body(buffers, () => super._writeBodyBuffers(buffers));
      return this;
    }
  }

  class StreamWriter extends arrow.RecordBatchStreamWriter<T> {
    protected override _write(chunk: unknown): this {
      methods.write(this as unknown as { _position: number; _started: boolean }, chunk);
      return this;
    }
    protected override _writeBodyBuffers(buffers: ArrayBufferView[]): this {
      methods.body(buffers, () => super._writeBodyBuffers(buffers));
      return this;
    }
  }

  return format === 'file' ? new FileWriter() : new StreamWriter();
}

function run<T extends TypeMap>(arrow: Arrow, table: Table<T>, format: TableFormat, sink: Sink): void {
  const writer = makeWriter<T>(arrow, format, sink);
  writer.reset(undefined, table.schema);
  for (const batch of table.batches as RecordBatch<T>[]) writer.write(batch);
  writer.finish();
}

/**
 * The size of a table in bytes, as {@link writeTable} writes it.
 *
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a buffer of 2 GiB or more
 */
export function sizeOfTable(arrow: Arrow, table: Table, format: TableFormat): number {
  const sink: Sink = { position: 0, metadata: () => {}, body: () => {} };
  try {
    run(arrow, table, format, sink);
  } catch (error) {
    // apache-arrow's own limit, on columns of 2^31 rows or more.
    if (error instanceof RangeError && !('code' in error)) throw outOfRange(`${error.message}: ${SPLIT}`);
    throw error;
  }
  return sink.position;
}

/** The bytes of the first write, which say that a table is complete. */
const FIRST = 8;

/**
 * Writes a table into `target`, which has the size that {@link sizeOfTable} returned. The first bytes come last: before
 * that nobody takes `target` for a table.
 *
 * @param bodies `'skip'` leaves the buffers as they are in `target`: zeros, to be filled in place
 */
export function writeTable(
  arrow: Arrow,
  table: Table,
  format: TableFormat,
  target: Uint8Array,
  bodies: 'copy' | 'skip',
): void {
  const first = new Uint8Array(FIRST);
  const put = (bytes: Uint8Array, position: number): void => {
    if (position >= FIRST) return target.set(bytes, position);
    const head = bytes.subarray(0, FIRST - position);
    first.set(head, position);
    target.set(bytes.subarray(head.length), position + head.length);
  };
  run(arrow, table, format, { position: 0, metadata: put, body: bodies === 'copy' ? put : () => {} });
  target.set(first);
}
