import { constants } from 'node:buffer';
import { inspect } from 'node:util';

import type { Table, TypeMap } from 'apache-arrow';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { SharedMemoryError, closed } from '../errors.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { Handle } from '../options.js';
import { checkColumns } from './columns.js';
import { isFile, notATable, readMessages, readingFailed } from './framing.js';
import { Guard } from './guard.js';
import type { Arrow } from './library.js';
import type { TableFormat } from './writer.js';

/** What {@link SharedTable.toJSON} returns and {@link attachTable} accepts. */
export type SharedTableHandle<T extends TypeMap = TypeMap> = Handle<'SharedTable'> & { readonly __columns?: T };

/** Makes the instance over a segment that holds a table; `attachTable` and `shareTable` call it. */
export function openTable<T extends TypeMap>(arrow: Arrow, shm: SharedMemory): SharedTable<T> {
  return new SharedTable<T>(internal, shm, arrow);
}

/**
 * An Arrow table in shared memory. {@link shareTable} makes one of a table, {@link allocateTable} one to be filled in place,
 * and {@link attachTable} opens one that another process has made.
 */
export class SharedTable<T extends TypeMap = TypeMap> implements Disposable, AsyncDisposable {
  /** The segment that holds the table. */
  readonly shm: SharedMemory;
  /** Which of Arrow's two formats the segment has. */
  readonly format: TableFormat;
  /** With {@link name}, what makes a structured clone of the instance a handle: `worker.postMessage(shared)` sends one. */
  readonly type = 'SharedTable';
  /** The name of the table's segment. */
  readonly name: string;

  readonly #arrow: Arrow;
  #table: Table<T>;
  /** What the columns of the table view. */
  #buffer: ArrayBuffer;
  #guard: Guard;

  /** For the package's own use. */
  constructor(key: typeof internal, shm: SharedMemory, arrow: Arrow) {
    checkInternal(key, 'shareTable(), allocateTable() or attachTable()');
    this.shm = shm;
    this.name = shm.name;
    if (shm.size > constants.MAX_LENGTH) {
      throw new SharedMemoryError(
        `segment '${shm.name}' has ${shm.size} bytes; a buffer of this runtime has at most ${constants.MAX_LENGTH}`,
        { code: 'ERR_SHM_UNSUPPORTED', segment: shm.name },
      );
    }
    this.format = isFile(shm.buf) ? 'file' : 'stream';
    this.#arrow = arrow;
    this.#guard = new Guard(this.name);
    this.#buffer = shm.buffer;
    this.#table = this.#read();
  }

  /** Opens the table that the segment holds now. */
  #read(): Table<T> {
    const { shm } = this;
    const arrow = this.#arrow;
    let table: Table<T>;
    try {
      table = arrow.tableFromIPC<T>(readMessages(arrow, shm.buf, shm.name) as Iterable<Uint8Array<ArrayBuffer>>);
    } catch (error) {
      throw readingFailed(shm.name, error);
    }
    const wrong = checkColumns(table as unknown as Table);
    if (wrong !== undefined) throw notATable(shm.name, wrong);
    this.#guard.protect(table as unknown as Table);
    return table;
  }

  /**
   * The table over the segment's own bytes. After {@link close} every column that came from it, by slicing too, throws
   * `SegmentClosedError`. If the buffer of its columns was moved away (`transfer()`, `postMessage`), the next use opens the
   * table anew, and columns that came from it before throw `SegmentClosedError`.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {SharedMemoryError} `ERR_SHM_TRUNCATED` when another process has truncated the segment and this one has read
   *   the missing part, as zeros
   */
  get table(): Table<T> {
    if (this.shm.closed) throw closed('table', this.name);
    // Notices lost pages, too.
    const { buffer } = this.shm;
    if (buffer !== this.#buffer) {
      this.#guard.close(() => closed('buffer of table', this.name));
      this.#guard = new Guard(this.name);
      this.#table = this.#read();
      this.#buffer = buffer;
    }
    return this.#table;
  }

  /** A small plain object that names the table, for another process's {@link attachTable}. */
  toJSON(): SharedTableHandle<T> {
    return { type: 'SharedTable', name: this.name };
  }

  /** The columns and the number of rows: `SharedTable(x: Float64, id: Int32; 3 rows, name='psm_…')`. Never throws. */
  toString(): string {
    const { schema, numRows } = this.#table;
    const columns = schema.fields.map((field) => `${field.name}: ${field.type}`).join(', ');
    return `SharedTable(${columns}; ${numRows} rows, name='${this.name}'${this.shm.closed ? ', closed' : ''})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Drops this process's use of the table; others keep theirs. Idempotent, and never throws. */
  close(): void {
    this.#leave(() => this.shm.close());
  }

  /**
   * Removes the name of the table's segment.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when it was unlinked before, by any process
   */
  unlink(): void {
    this.shm.unlink();
  }

  /** Closes; the owner also unlinks, quietly if that was done before. */
  [dispose](): void {
    this.#leave(() => this.shm[dispose]());
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }

  #leave(end: () => void): void {
    // First, so that no column is ever read without its memory.
    this.#guard.close(() => closed('table', this.name));
    end();
  }
}
