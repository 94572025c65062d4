/** Making and opening tables in shared memory. */
import type {
  Field,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  Table,
  TypeMap,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
} from 'apache-arrow';
import { inspect } from 'node:util';

import { invalidType } from '../errors.js';
import type { SharedMemoryManager } from '../manager/shared-memory-manager.js';
import { SharedMemory } from '../memory/shared-memory.js';
import type { AttachOptions, CreateOptions } from '../options.js';
import { checkInteger, checkOptions, checkTarget, wrongType } from '../options.js';
import type { Arrow } from './library.js';
import type { SharedTable, SharedTableHandle } from './shared-table.js';
import { openTable } from './shared-table.js';
import type { TableFormat } from './writer.js';
import { sizeOfTable, writeTable } from './writer.js';

/** How to put a table into shared memory. */
export interface ShareTableOptions extends CreateOptions {
  /**
   * Which of Arrow's formats: `'file'`, the default, is what `pyarrow.ipc.open_file` maps; `'stream'` is what
   * `pyarrow.ipc.open_stream` reads.
   */
  format?: TableFormat | undefined;
  /** The manager that unlinks the segment. Without one the process that creates it owns it. */
  manager?: SharedMemoryManager | undefined;
}

/** The fixed-width types of columns: apache-arrow's class, and the typed array over the segment. */
interface Types {
  int8: [Int8, Int8Array];
  uint8: [Uint8, Uint8Array];
  int16: [Int16, Int16Array];
  uint16: [Uint16, Uint16Array];
  int32: [Int32, Int32Array];
  uint32: [Uint32, Uint32Array];
  int64: [Int64, BigInt64Array];
  uint64: [Uint64, BigUint64Array];
  float16: [Float16, Uint16Array];
  float32: [Float32, Float32Array];
  float64: [Float64, Float64Array];
}

/** The type of a column that is filled in place. */
export type ColumnType = keyof Types;

/** The name of each type's class, and its typed array. */
const types = {
  int8: ['Int8', Int8Array],
  uint8: ['Uint8', Uint8Array],
  int16: ['Int16', Int16Array],
  uint16: ['Uint16', Uint16Array],
  int32: ['Int32', Int32Array],
  uint32: ['Uint32', Uint32Array],
  int64: ['Int64', BigInt64Array],
  uint64: ['Uint64', BigUint64Array],
  float16: ['Float16', Uint16Array],
  float32: ['Float32', Float32Array],
  float64: ['Float64', Float64Array],
} as const;

/** The columns of an {@link AllocatedTable}, as typed arrays over the segment. `float16` is shown as its 16 bits. */
export type Columns<S extends Record<string, ColumnType>> = {
  readonly [K in keyof S]: Types[S[K]][1];
};

/** A table to be filled in place. */
export type AllocatedTable<S extends Record<string, ColumnType>> = SharedTable<{
  [K in keyof S]: Types[S[K]][0];
}> & {
  /** The columns as typed arrays over the segment, for writing. */
  readonly columns: Columns<S>;
};

function createSegment(size: number, { manager, format: _format, ...options }: ShareTableOptions): SharedMemory {
  if (manager === undefined) return SharedMemory.create(size, options);
  if (typeof manager?.sharedMemory !== 'function') throw wrongType('option manager', 'a SharedMemoryManager', manager);
  // A manager decides on all else.
  return manager.sharedMemory(size, options);
}

const OPTIONS = ['format', 'manager', 'name', 'track', 'mode', 'exactMode', 'sparse'] as const;

function checkFormat(format: unknown): TableFormat {
  if (format === undefined || format === 'file' || format === 'stream') return format ?? 'file';
  throw invalidType('ERR_INVALID_ARG_VALUE', `option format must be 'file' or 'stream'; got ${inspect(format)}`);
}

function write<T extends TypeMap>(
  arrow: Arrow,
  table: Table<T>,
  options: ShareTableOptions,
  bodies: 'copy' | 'skip',
): SharedTable<T> {
  const format = checkFormat(checkOptions(options, OPTIONS).format);
  const shm = createSegment(sizeOfTable(arrow, table as unknown as Table, format), options);
  try {
    writeTable(arrow, table as unknown as Table, format, shm.buf, bodies);
    return openTable<T>(arrow, shm);
  } catch (error) {
    // A segment that no process owns would stay.
    shm.close();
    shm.unlink();
    throw error;
  }
}

/** See the function of that name in `index.ts`. */
export function shareTable<T extends TypeMap>(
  arrow: Arrow,
  table: Table<T>,
  options: ShareTableOptions,
): SharedTable<T> {
  if (!arrow.isArrowTable(table)) {
    throw invalidType(
      'ERR_INVALID_ARG_TYPE',
      `table must be a Table of apache-arrow; got ${inspect(table, { depth: 0 })}`,
    );
  }
  return Object.preventExtensions(write(arrow, table, options, 'copy'));
}

/** See the function of that name in `index.ts`. */
export function allocateTable<const S extends Record<string, ColumnType>>(
  arrow: Arrow,
  columns: S,
  rows: number,
  options: ShareTableOptions,
): AllocatedTable<S> {
  checkInteger('rows', rows, 0, 2 ** 31 - 1);
  if (typeof columns !== 'object' || columns === null) throw wrongType('columns', 'an object', columns);
  const entries = Object.entries(columns);
  const fields = entries.map(([name, type]) => new arrow.Field(name, new arrow[typeOf(name, type)[0]](), false));
  const schema = new arrow.Schema(fields as Field[]);
  // Zeros that nothing ever touches take no memory.
  const children = fields.map(({ type, name }) =>
    arrow.makeData({
      type,
      length: rows,
      nullCount: 0,
      data: new (typeOf(name, columns[name] as ColumnType)[1])(rows),
    } as never),
  );
  const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length: rows, nullCount: 0, children } as never);
  const table = new arrow.Table([new arrow.RecordBatch(schema as never, data as never)]);
  const shared = write(arrow, table, options, 'skip') as unknown as AllocatedTable<S>;
  let views: Columns<S> | undefined;
  let viewed: unknown;
  const get = (): Columns<S> => {
    // Another one, when the buffer of the columns was moved away.
    const current = shared.table as unknown as Table;
    if (views === undefined || viewed !== current) views = viewsOf<S>(current);
    viewed = current;
    return views;
  };
  Object.defineProperty(shared, 'columns', { get, enumerable: true });
  return Object.preventExtensions(shared);
}

/** The columns of a table of one batch, by name. */
function viewsOf<S extends Record<string, ColumnType>>({ schema, batches }: Table): Columns<S> {
  const [batch] = batches;
  const named = schema.fields.map(({ name }, i) => [name, batch?.data.children[i]?.values]);
  return Object.freeze(Object.fromEntries(named)) as Columns<S>;
}

function typeOf(name: string, type: string): (typeof types)[ColumnType] {
  if (Object.hasOwn(types, type)) return types[type as ColumnType];
  throw invalidType(
    'ERR_INVALID_ARG_VALUE',
    `column '${name}' must have one of the types ${Object.keys(types).join(', ')}; got ${inspect(type, { depth: 0 })}`,
  );
}

/** See the function of that name in `index.ts`. */
export function attachTable<T extends TypeMap>(
  arrow: Arrow,
  target: string | SharedTableHandle<T>,
  options: AttachOptions | undefined,
): SharedTable<T> {
  const shm = SharedMemory.attach(checkTarget(target, 'SharedTable'), options);
  try {
    return Object.preventExtensions(openTable<T>(arrow, shm));
  } catch (error) {
    shm.close();
    throw error;
  }
}
