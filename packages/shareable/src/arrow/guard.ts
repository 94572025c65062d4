/**
 * What keeps a table over a segment honest. apache-arrow reads a view of length 0 as `undefined`, `false`, `null` or `NaN`,
 * so every column throws once its segment is closed. And it decodes text where it lies, which can crash the process when
 * another one changes the bytes meanwhile, so text is copied before it is decoded.
 */
import type { Data, Table, Vector } from 'apache-arrow';
import { Type } from 'apache-arrow/enum';

import { childrenOf } from './columns.js';

/** Bytes whose parts are copies. */
class CopiedBytes extends Uint8Array<ArrayBuffer> {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  override subarray(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.slice(start, end);
  }
}

function copied(bytes: Uint8Array): CopiedBytes {
  return new CopiedBytes(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

/** The entries of a column of views, of 16 bytes each: an entry is in place, and the text that it may hold is a copy. */
class ViewEntries extends Uint8Array<ArrayBuffer> {
  override subarray(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return copied(new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end));
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
  #columns: WeakRef<Data>[] = [];
  #pruneAt = 256;

  /** Takes a table in: all its columns, their children and dictionaries. */
  protect(table: Table): void {
    const seen = new Set<Data>();
    const visit = (data: Data): void => {
      if (seen.has(data)) return;
      seen.add(data);
      this.#protectOne(data);
      for (const child of childrenOf(data)) visit(child);
      for (const chunk of (data.dictionary as Vector | undefined)?.data ?? []) visit(chunk);
    };
    for (const { data } of table.batches) visit(data);
  }

  #protectOne(data: Data): void {
    const buffers = data as unknown as Buffers;
    switch (data.typeId) {
      case Type.Utf8:
      case Type.LargeUtf8:
        if (buffers.values instanceof Uint8Array) buffers.values = copied(buffers.values);
        break;
      case Type.Utf8View:
        if (buffers.values instanceof Uint8Array) {
          const { buffer, byteOffset, length } = buffers.values as Uint8Array<ArrayBuffer>;
          buffers.values = new ViewEntries(buffer, byteOffset, length);
        }
        buffers.variadicBuffers = data.variadicBuffers.map(copied);
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
