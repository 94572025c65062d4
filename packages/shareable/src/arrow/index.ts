/**
 * Apache Arrow tables in shared memory. Needs the package `apache-arrow`.
 *
 * @module shareable/arrow
 */
// The build makes an ES module and a CommonJS file of this file alone, because each has its own build of apache-arrow.
import type { Table, TypeMap } from 'apache-arrow';
import * as arrow from 'apache-arrow';

import type { AttachOptions } from '../options.js';
import * as core from './share.js';
import type { AllocatedTable, ColumnType, ShareTableOptions } from './share.js';
import type { SharedTable, SharedTableHandle } from './shared-table.js';

export type { AllocatedTable, ColumnType, Columns, ShareTableOptions } from './share.js';
export { SharedTable } from './shared-table.js';
export type { SharedTableHandle } from './shared-table.js';
export type { TableFormat } from './writer.js';

/**
 * Copies an Arrow table into a segment of its own, once: other processes open it by {@link attachTable}, and Python by
 * `pyarrow`, without a copy. Few large record batches are read fastest: a million rows each.
 *
 * @example
 * ```ts
 * using shared = shareTable(tableFromArrays({ id: Int32Array.of(1, 2), x: Float64Array.of(0.5, 1.5) }));
 * child.send(shared); // there: using shared = attachTable(handle)
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything but a table of apache-arrow
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a column with a buffer of 2 GiB or more in one record batch
 * @throws {SegmentExistsError} `EEXIST` when the name is taken
 * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
 */
export function shareTable<T extends TypeMap>(table: Table<T>, options: ShareTableOptions = {}): SharedTable<T> {
  return core.shareTable(arrow, table, options);
}

/**
 * Creates a table of `rows` rows of zeros, whose columns are filled in place: no second copy ever exists.
 *
 * @param columns the type of each column, by name: at least one
 * @param rows 0 to 2^31 - 1
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for an unknown type
 * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number of rows that is out of range, or a column of 2 GiB or more
 * @throws what {@link shareTable} throws
 */
export function allocateTable<const S extends Record<string, ColumnType>>(
  columns: S,
  rows: number,
  options: ShareTableOptions = {},
): AllocatedTable<S> {
  return core.allocateTable(arrow, columns, rows, options);
}

/**
 * Opens the Arrow table in an existing segment, by name or handle, without copying its columns. It may have been written by
 * pyarrow, in the file or the streaming format.
 *
 * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
 * @throws {SegmentAccessError} `EACCES` or `EPERM` when mode or owner forbid it
 * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a table
 * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` for compressed buffers and for types that apache-arrow does not know,
 *   such as RunEndEncoded and ListView
 */
export function attachTable<T extends TypeMap = TypeMap>(
  target: string | SharedTableHandle<T>,
  options?: AttachOptions,
): SharedTable<T> {
  return core.attachTable<T>(arrow, target, options);
}
