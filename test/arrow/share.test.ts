import { truncateSync } from 'node:fs';

import * as arrow from 'apache-arrow';
import {
  LayoutError,
  SegmentClosedError,
  SegmentNotFoundError,
  ShareableList,
  SharedMemory,
  SharedMemoryError,
  SharedMemoryManager,
} from 'shareable';
import { allocateTable, attachTable, shareTable } from 'shareable/arrow';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';
import { buffersOf, columns, plain, tableOf, valuesOf } from './support.ts';

describe.each(Object.keys(columns))('a column of type %s', (type) => {
  test.each(['file', 'stream'] as const)('is read in place after it was shared in the %s format', (format) => {
    const table = tableOf(type);
    using shared = shareTable(table, { format });
    using attached = attachTable(JSON.parse(JSON.stringify(shared)) as ReturnType<typeof shared.toJSON>);
    expect(attached.format).toBe(format);
    expect(valuesOf(attached.table)).toEqual(valuesOf(table));
    const buffers = buffersOf(attached.table);
    expect(buffers.every(({ buffer }) => buffer === attached.shm.buffer)).toBe(true);
    expect(buffers.length > 0 || type === 'Null').toBe(true);
  });

  // A column of nulls has no memory: what it gives after close is right.
  test.skipIf(type === 'Null')('throws after close, also where it was sliced, and never gives a wrong value', () => {
    using shared = shareTable(tableOf(type));
    const attached = attachTable(shared.toJSON());
    const { table } = attached;
    const views = [table, table.slice(1, 3), table.slice(0, 2).slice(1)].map(
      (view) => view.getChild('x') as arrow.Vector,
    );
    attached.close();
    expect(() => attached.table).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    for (const column of views) {
      expect(() => column.get(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
      expect(() => [...column]).toThrow(/closed|detached/);
      expect(() => column.toArray()).toThrow(/closed/);
      expect(() => column.slice(0, 1).get(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    }
    expect(() => table.get(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    expect(() => arrow.tableToIPC(table)).toThrow(/closed/);
    expect(String(attached)).toContain('closed');
  });
});

describe('shareTable', () => {
  test('takes tables without rows, without columns, of nulls only, and of several batches', () => {
    const empty = new arrow.Table({ x: arrow.vectorFromArray([], new arrow.Int32()) });
    using none = shareTable(empty);
    expect([none.table.numRows, none.table.schema.fields[0]?.name]).toEqual([0, 'x']);
    using nulls = shareTable(new arrow.Table({ x: arrow.vectorFromArray([null, null], new arrow.Utf8()) }));
    expect(valuesOf(nulls.table)).toEqual([null, null]);
    const batches = arrow
      .tableFromArrays({ x: Int32Array.of(1, 2) })
      .concat(arrow.tableFromArrays({ x: Int32Array.of(3) }));
    using several = shareTable(batches);
    expect([several.table.batches.length, valuesOf(several.table)]).toEqual([2, [1, 2, 3]]);
  });

  test('lets what one process writes into a column be seen by all', () => {
    using shared = shareTable(arrow.tableFromArrays({ x: Int32Array.of(1, 2, 3) }));
    using attached = attachTable(shared.name);
    const [column] = shared.table.getChild('x')?.data ?? [];
    (column as arrow.Data<arrow.Int32>).values[1] = 20;
    expect(valuesOf(attached.table)).toEqual([1, 20, 3]);
  });

  test('gives the segment to a manager, or to the creator', () => {
    const name = freshName();
    using named = shareTable(tableOf('Int8'), { name });
    expect([named.name, named.shm.isOwner]).toEqual([name, true]);
    const manager = new SharedMemoryManager();
    const managed = shareTable(tableOf('Int8'), { manager });
    expect([managed.shm.isOwner, manager.list()]).toEqual([false, [managed.name]]);
    managed.close();
    manager[Symbol.dispose]();
    expect(() => attachTable(managed.name)).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('refuses unknown options, and new properties', () => {
    expect(() => shareTable(tableOf('Int8'), { fromat: 'file' } as never)).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      'fromat',
    );
    using shared = shareTable(tableOf('Int8'));
    expect(() => Object.assign(shared, { columns: 1 })).toThrow(/not extensible/);
  });

  test('refuses what is not a table, an unknown format and a buffer of 2 GiB, and makes nothing', () => {
    const name = freshName();
    expect(() => shareTable([1] as never, { name })).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'apache-arrow');
    expect(() => shareTable(tableOf('Int8'), { name, format: 'parquet' as never })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      "'stream'",
    );
    // Zeros that nothing touches take no memory.
    const large = new arrow.Table({ x: arrow.makeVector(new Uint8Array(2 ** 31)) });
    expect(() => shareTable(large, { name })).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'fewer rows');
    expect(exists(name)).toBe(false);
  });

  test('leaves nothing of a table that cannot be read back, even with track: false', () => {
    const name = freshName();
    const data = arrow.makeData({ type: new arrow.Int32(), length: 1000, nullCount: 0, data: new Int32Array(2) });
    const short = new arrow.Table({ x: new arrow.Vector([data]) });
    expect(() => shareTable(short, { name, track: false })).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', "column 'x'");
    expect(exists(name)).toBe(false);
  });

  test.runIf('transfer' in ArrayBuffer.prototype)('opens the table anew when its buffer was moved away', () => {
    using rows = allocateTable({ x: 'int32' }, 3);
    const { columns: before, table } = rows;
    before.x.set([1, 2, 3]);
    const moved = (before.x.buffer as ArrayBuffer).transfer();
    expect(valuesOf(rows.table)).toEqual([1, 2, 3]);
    expect(() => valuesOf(table)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    rows.columns.x[2] = 4;
    using attached = attachTable(rows.toJSON());
    expect([valuesOf(attached.table), before.x.length, moved.byteLength]).toEqual([[1, 2, 4], 0, rows.shm.size]);
  });

  test.runIf(process.platform === 'linux')('takes sparse, as each creation does', () => {
    using shared = shareTable(tableOf('Int8'), { sparse: true });
    expect(shared.table.numRows).toBe(3);
  });

  test.runIf(platform.canTruncate)('says that another process has truncated the segment', () => {
    using shared = shareTable(tableOf('Int8'));
    const { table } = shared;
    truncateSync(pathOf(shared.name), 0);
    valuesOf(table);
    expect(() => shared.table).toFailWith(SharedMemoryError, 'ERR_SHM_TRUNCATED');
  });
});

describe('allocateTable', () => {
  test('makes zeros that are filled in place', () => {
    using rows = allocateTable({ x: 'float64', id: 'int32', big: 'uint64' }, 1000);
    expect([rows.table.numRows, rows.table.get(999)?.toJSON()]).toEqual([1000, { x: 0, id: 0, big: 0n }]);
    rows.columns.x[999] = 1.5;
    rows.columns.id.fill(7);
    rows.columns.big[999] = 2n ** 63n;
    using attached = attachTable(rows.toJSON());
    expect(attached.table.get(999)?.toJSON()).toEqual({ x: 1.5, id: 7, big: 2n ** 63n });
    expect(rows.columns.x.buffer).toBe(rows.shm.buffer);
    using none = allocateTable({ x: 'int8' }, 0, { format: 'stream' });
    expect([none.table.numRows, none.format]).toEqual([0, 'stream']);
  });

  test('refuses unknown types and numbers of rows, and what is not an object', () => {
    expect(() => allocateTable(null as never, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'columns');
    expect(() => allocateTable({ x: 'int8' }, 1, { manager: 5 as never })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'option manager',
    );
    expect(() => allocateTable({ x: 'text' as never }, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', "column 'x'");
    expect(() => allocateTable({ x: 'toString' as never }, 1)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE');
    for (const rows of [-1, 0.5, 2 ** 31, Number.NaN]) {
      expect(() => allocateTable({ x: 'int8' }, rows)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'rows');
    }
    expect(() => allocateTable({ x: 'float64' }, 2 ** 29)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'fewer rows');
  });
});

describe('attachTable', () => {
  test('refuses lists, raw segments, and tables that are cut off anywhere', () => {
    using list = ShareableList.create([1, 2]);
    expect(() => attachTable(list.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'does not hold an Arrow table');
    using zeros = SharedMemory.create(64);
    expect(() => attachTable(zeros.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
    using shared = shareTable(tableOf('Utf8'), { format: 'stream' });
    const whole = shared.shm.buf.slice();
    for (let size = 1; size < whole.length; size += 7) {
      using cut = SharedMemory.create(size);
      cut.buf.set(whole.subarray(0, size));
      expect(() => attachTable(cut.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
    }
    expect(() => attachTable(list.toJSON() as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'SharedTable');
  });

  test('takes a segment that is larger than its table, as where the system rounds to pages', () => {
    for (const format of ['file', 'stream'] as const) {
      using shared = shareTable(tableOf('Utf8'), { format });
      using rounded = SharedMemory.create(4096);
      rounded.buf.set(shared.shm.buf);
      using attached = attachTable(rounded.name);
      expect(valuesOf(attached.table)).toEqual(['a', null, 'é🦀']);
    }
  });

  test('survives any single byte of the metadata being changed', () => {
    using shared = shareTable(tableOf('Struct'), { format: 'stream' });
    const whole = shared.shm.buf.slice();
    using broken = SharedMemory.create(whole.length);
    for (let at = 0; at < whole.length; at++) {
      broken.buf.set(whole);
      broken.buf[at] = (whole[at] as number) ^ 0xff;
      let code = 'none';
      try {
        attachTable(broken.name).close();
      } catch (error) {
        code = String((error as SharedMemoryError).code);
      }
      expect(['none', 'ERR_SHM_LAYOUT', 'ERR_SHM_UNSUPPORTED']).toContain(code);
    }
  });

  test('refuses a file that has its schema at the end only', () => {
    const file = arrow.tableToIPC(tableOf('Int32'), 'file');
    using shm = SharedMemory.create(file.length);
    shm.buf.set(file);
    expect(() => attachTable(shm.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'schema');
  });

  test('copies text before it is decoded, so that a writer cannot change it meanwhile', () => {
    for (const type of ['Utf8', 'LargeUtf8', 'Utf8View', 'Dictionary']) {
      using shared = shareTable(tableOf(type));
      const text =
        type === 'Dictionary'
          ? shared.table.batches[0]?.data.children[0]?.dictionary?.data[0]
          : shared.table.batches[0]?.data.children[0];
      const { values } = text as arrow.Data<arrow.Utf8>;
      expect(values.buffer).toBe(shared.shm.buffer);
      // What apache-arrow hands to the decoder: of an entry with text in it the part behind its length.
      const part = type === 'Utf8View' ? values.subarray(0, 16).subarray(4, 5) : values.subarray(0, 1);
      expect(part.buffer).not.toBe(shared.shm.buffer);
    }
  });

  test('fails with LayoutError for rows that a writer placed outside their column', () => {
    const kinds = ['List', 'LargeList', 'Map', 'Utf8', 'LargeUtf8', 'Binary', 'LargeBinary', 'Dictionary'];
    for (const type of kinds) {
      // Row 0: it ends past the end, begins before the start, or ends before it begins.
      for (const [begin, end] of [
        [0, 1000],
        [0, 2 ** 31 - 1],
        [-1, 1],
        [1, 0],
      ] as const) {
        using shared = shareTable(tableOf(type));
        using attached = attachTable(shared);
        const column = shared.table.getChild('x')?.data[0] as arrow.Data;
        const { valueOffsets } = column.dictionary?.data[0] ?? column;
        const isLarge = valueOffsets instanceof BigInt64Array;
        [begin, end].forEach((offset, i) => {
          valueOffsets[i] = (isLarge ? BigInt(offset) : offset) as never;
        });
        const row = () => plain(attached.table.getChild('x')?.get(0));
        expect(row).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
        const sliced = attached.table.slice(0, 1).getChild('x');
        expect(() => sliced?.toJSON().map(plain)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
        expect(attached.table.getChild('x')?.get(1)).toBeNull();
      }
    }
  });

  test('fails with LayoutError for views that a writer placed outside their buffers', () => {
    for (const type of ['Utf8View', 'BinaryView']) {
      for (const [size, offset] of [
        [1000, 0],
        [20, -1],
        [20, 2 ** 31 - 1],
      ] as const) {
        using shared = shareTable(tableOf(type));
        const column = shared.table.getChild('x')?.data[0] as arrow.Data<arrow.Utf8>;
        // The third entry: its size, its first four bytes, the number of its buffer, and where it starts there.
        const entry = new Int32Array(shared.shm.buffer, column.values.byteOffset + 32, 4);
        entry.set([size, 0, 0, offset]);
        using attached = attachTable(shared);
        const row = () => attached.table.getChild('x')?.get(2);
        expect(row).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
      }
    }
  });

  test('fails with LayoutError for a row that names a value past the end of its dictionary', () => {
    for (const index of [1, -1, 2 ** 31 - 1]) {
      using shared = shareTable(tableOf('Dictionary'));
      using attached = attachTable(shared);
      const column = attached.table.getChild('x') as arrow.Vector;
      ((shared.table.getChild('x') as arrow.Vector).data[0] as arrow.Data<arrow.Int32>).values[0] = index;
      for (const read of [column, column.slice(0, 2), column.memoize()])
        expect(() => read.get(0)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
      expect(() => [...column]).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
      expect([column.get(1), column.get(2)]).toEqual([null, 'a']);
    }
  });

  test('fails with LayoutError for a row of a union of a type, or a row of it, that does not exist', () => {
    for (const [type, part, value] of [
      ['DenseUnion', 'typeIds', 2],
      ['DenseUnion', 'typeIds', -1],
      ['DenseUnion', 'valueOffsets', 2],
      ['DenseUnion', 'valueOffsets', -1],
      ['DenseUnion', 'valueOffsets', 2 ** 31 - 1],
      ['SparseUnion', 'typeIds', 2],
      ['SparseUnion', 'typeIds', -1],
    ] as const) {
      using shared = shareTable(tableOf(type));
      using attached = attachTable(shared);
      const column = attached.table.getChild('x') as arrow.Vector;
      ((shared.table.getChild('x') as arrow.Vector).data[0] as arrow.Data)[part][0] = value;
      for (const read of [column, column.slice(0, 2)])
        expect(() => read.get(0)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
      expect(() => [...column]).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', attached.name);
      expect([column.get(1), column.get(2)]).toEqual(['a', 3]);
    }
  });

  test('gives values or errors of the library after any single byte was changed', () => {
    const types = ['List', 'Map', 'Struct', 'FixedSizeList', 'Dictionary', 'DenseUnion', 'SparseUnion', 'Utf8View'];
    for (const type of types) {
      using shared = shareTable(tableOf(type), { format: 'stream' });
      const whole = shared.shm.buf.slice();
      using broken = SharedMemory.create(whole.length);
      for (let at = 0; at < whole.length; at++) {
        broken.buf.set(whole);
        broken.buf[at] = (whole[at] as number) ^ 0xff;
        let code = 'none';
        try {
          using attached = attachTable(broken.name);
          for (const column of attached.table.schema.fields.map(({ name }) => attached.table.getChild(name)))
            for (let row = 0; row < Math.min(column?.length ?? 0, 3); row++)
              expect(plain(column?.get(row))).not.toBe(undefined);
        } catch (error) {
          code = String((error as SharedMemoryError).code ?? error);
        }
        expect([type, at, code]).toEqual([
          type,
          at,
          expect.stringMatching(/^(none|ERR_SHM_LAYOUT|ERR_SHM_UNSUPPORTED)$/),
        ]);
      }
    }
  });

  test('gives rows past the end as apache-arrow does', () => {
    for (const type of ['List', 'LargeList', 'FixedSizeList', 'Map', 'Utf8', 'Binary']) {
      using shared = shareTable(tableOf(type));
      const wanted = tableOf(type).getChild('x')?.get(3);
      expect([type, plain(shared.table.getChild('x')?.get(3))]).toEqual([type, plain(wanted)]);
    }
  });
});
