/** Apache Arrow tables in shared memory: `shareable/arrow`. Needs the package `apache-arrow`. */
export { allocateTable, attachTable, shareTable } from './share.js';
export type { AllocatedTable, ColumnType, Columns, ShareTableOptions } from './share.js';
export { SharedTable } from './shared-table.js';
export type { SharedTableHandle } from './shared-table.js';
export type { TableFormat } from './writer.js';
