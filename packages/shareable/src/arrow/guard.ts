/**
 * What keeps a table over a segment honest. apache-arrow reads a view of length 0 as `undefined`, `false`, `null` or `NaN`,
 * so every column throws once its segment is closed. It decodes text where it lies, which can crash the process when
 * another one changes the bytes meanwhile, so text is copied before it is decoded. And it trusts the offsets of rows: past
 * the end of a column it reads values that do not exist, up to 2^31 of them for one row, so each use of offsets is checked.
 * So are the indexes of dictionaries and the types of unions.
 */
import type { Data, Table, Union, Vector } from 'apache-arrow';
import { Type, UnionMode } from 'apache-arrow/enum';

import { LayoutError } from '../errors.js';
import { childrenOf } from './columns.js';

/** Checks that a row lies within what the offsets count. */
function checkRow(segment: string, start: number, end: number, length: number, unit: string): void {
  if (start >= 0 && start <= end && end <= length) return;
  throw new LayoutError(
    `the Arrow table in segment '${segment}' has damaged offsets: a row of ${unit} ${start} to ${end} of ${length}`,
    { code: 'ERR_SHM_LAYOUT', segment },
  );
}

/** The error for a row that names a value or a column that does not exist. */
function missing(segment: string, what: string): LayoutError {
  return new LayoutError(`the Arrow table in segment '${segment}' is damaged: ${what}`, {
    code: 'ERR_SHM_LAYOUT',
    segment,
  });
}

/** Makes a column refuse indexes past the end of its dictionary, which apache-arrow reads as `undefined`. */
function checkIndexes(data: Data, segment: string): void {
  const { getValid } = data;
  const { length } = data.dictionary as Vector;
  Object.defineProperty(data, 'getValid', {
    // Asked before every value.
    value(this: Data, row: number) {
      if (!getValid.call(this, row)) return false;
      const index = (this.values as Int32Array)[row];
      // For an index past the last row there is no value.
      if (index === undefined || (index >= 0 && index < length)) return true;
      throw missing(segment, `row ${row} has value ${index} of a dictionary of ${length}`);
    },
    configurable: true,
    writable: true,
  });
}

/** Makes a union refuse rows of a type that it does not have, and rows past the end of a child. */
function checkUnion(data: Data, segment: string): void {
  const { getValid, type } = data;
  const { typeIdToChildIndex, mode } = type as Union;
  Object.defineProperty(data, 'getValid', {
    // Asked before every value.
    value(this: Data, index: number) {
      // For an index past the last row there is no type.
      if (!(index >= 0 && index < this.length)) return false;
      const { typeIds, valueOffsets, children } = this;
      const child = (children as (Data | undefined)[])[typeIdToChildIndex[typeIds[index] as number] as number];
      if (child === undefined) throw missing(segment, `row ${index} of a union has type ${typeIds[index]}`);
      const row = mode === UnionMode.Dense ? (valueOffsets[index] as number) : index;
      if (!(row >= 0 && row < child.length))
        throw missing(segment, `row ${index} of a union is row ${row} of a child of ${child.length}`);
      return getValid.call(this, index);
    },
    configurable: true,
    writable: true,
  });
}

/** Bytes that rows are parts of. */
class RowBytes extends Uint8Array<ArrayBuffer> {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  /** The name of the segment. */
  declare segment: string;

  /** @throws {LayoutError} `ERR_SHM_LAYOUT` for a part that is not within the bytes */
  override subarray(start = 0, end: number = this.length): Uint8Array<ArrayBuffer> {
    checkRow(this.segment, start, end, this.length, 'bytes');
    return super.subarray(start, end);
  }
}

/** Bytes whose parts are copies. */
class CopiedBytes extends RowBytes {
  override subarray(start = 0, end: number = this.length): Uint8Array<ArrayBuffer> {
    checkRow(this.segment, start, end, this.length, 'bytes');
    return this.slice(start, end);
  }
}

/** Makes an array refuse an index that it does not have. Only such an index is looked up in the prototype. */
function refusingOthers<T>(buffers: T[], segment: string): T[] {
  const prototype = new Proxy(Array.prototype, {
    get(target, key, receiver) {
      if (typeof key === 'string' && Number.isInteger(Number(key)))
        throw missing(segment, `a view is in buffer ${key} of ${buffers.length}`);
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
  return Object.setPrototypeOf(buffers, prototype) as T[];
}

/** Views the same bytes by another class. */
function as<Bytes extends RowBytes>(
  Class: new (buffer: ArrayBuffer, start: number, length: number) => Bytes,
  bytes: Uint8Array,
  segment: string,
): Bytes {
  const view = new Class(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
  view.segment = segment;
  return view;
}

/** The entries of a column of views, of 16 bytes each: an entry is in place, and the text that it may hold is a copy. */
class ViewEntries extends RowBytes {
  override subarray(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    const entries = new Uint8Array(this.buffer, this.byteOffset, this.length);
    return as(CopiedBytes, entries.subarray(start, end), this.segment);
  }
}

/** What apache-arrow keeps of a column's memory; its types call these read-only. */
interface Buffers {
  values?: unknown;
  variadicBuffers?: unknown;
  clone: (...args: unknown[]) => Data;
}

const MEMORY = ['values', 'valueOffsets', 'nullBitmap', 'typeIds', 'variadicBuffers'] as const;

/** Every column over one segment, and what was sliced from it. */
export class Guard {
  readonly #segment: string;
  #columns: WeakRef<Data>[] = [];
  #pruneAt = 256;

  /** @param segment the name of the segment */
  constructor(segment: string) {
    this.#segment = segment;
  }

  /** Takes a table in: all its columns, their children and dictionaries. */
  protect(table: Table): void {
    const seen = new Set<Data>();
    const visit = (data: Data): void => {
      if (seen.has(data)) return;
      seen.add(data);
      this.#protectOne(data);
      for (const child of childrenOf(data)) {
        // The rows of lists and maps are slices of their child.
        if (data.typeIds === undefined && data.valueOffsets !== undefined) this.#checkSlices(child);
        visit(child);
      }
      for (const chunk of (data.dictionary as Vector | undefined)?.data ?? []) visit(chunk);
    };
    for (const { data } of table.batches) visit(data);
  }

  #checkSlices(child: Data): void {
    const { slice } = child;
    const segment = this.#segment;
    Object.defineProperty(child, 'slice', {
      value(this: Data, offset: number, length: number) {
        // For an index past the last row there is no offset; such a row is empty.
        if (!Number.isNaN(length)) checkRow(segment, offset, offset + length, this.length, 'values');
        return slice.call(this, offset, length);
      },
      configurable: true,
    });
  }

  #protectOne(data: Data): void {
    const segment = this.#segment;
    const buffers = data as unknown as Buffers;
    switch (data.typeId) {
      case Type.Utf8:
      case Type.LargeUtf8:
        if (buffers.values instanceof Uint8Array) buffers.values = as(CopiedBytes, buffers.values, segment);
        break;
      case Type.Binary:
      case Type.LargeBinary:
        if (buffers.values instanceof Uint8Array) buffers.values = as(RowBytes, buffers.values, segment);
        break;
      case Type.Dictionary:
        checkIndexes(data, segment);
        break;
      case Type.Union:
      case Type.DenseUnion:
      case Type.SparseUnion:
        checkUnion(data, segment);
        break;
      case Type.BinaryView:
        buffers.variadicBuffers = refusingOthers(
          data.variadicBuffers.map((bytes) => as(RowBytes, bytes, segment)),
          segment,
        );
        break;
      case Type.Utf8View:
        if (buffers.values instanceof Uint8Array) buffers.values = as(ViewEntries, buffers.values, segment);
        buffers.variadicBuffers = refusingOthers(
          data.variadicBuffers.map((bytes) => as(CopiedBytes, bytes, segment)),
          segment,
        );
    }
    // Slicing and re-typing make another column over the same memory.
    const { clone } = data;
    Object.defineProperty(data, 'clone', {
      value: (...args: unknown[]) => {
        const made = (clone as unknown as (...args: unknown[]) => Data).apply(data, args);
        this.#protectOne(made);
        return made;
      },
      configurable: true,
    });
    this.#columns.push(new WeakRef(data));
    if (this.#columns.length >= this.#pruneAt) {
      this.#columns = this.#columns.filter((column) => column.deref() !== undefined);
      this.#pruneAt = Math.max(256, this.#columns.length * 2);
    }
  }

  /** Makes every use of a column throw what `error` returns, from now on. */
  close(error: () => Error): void {
    const refuse = (): never => {
      throw error();
    };
    for (const column of this.#columns) {
      const data = column.deref();
      if (data === undefined) continue;
      for (const name of MEMORY) {
        if (data[name] !== undefined)
          Object.defineProperty(data, name, { get: refuse, set: refuse, enumerable: false });
      }
      // Asked before every value, of columns without any memory too.
      for (const name of ['getValid', 'setValid', 'slice', 'clone'])
        Object.defineProperty(data, name, { value: refuse });
    }
    this.#columns = [];
  }
}
