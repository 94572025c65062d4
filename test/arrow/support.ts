/** A column of every type that apache-arrow can make, and a look at where a table's buffers lie. */
import * as arrow from 'apache-arrow';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const vector = <T extends arrow.DataType>(values: unknown[], type: T): arrow.Vector<T> =>
  arrow.vectorFromArray(values as never[], type) as unknown as arrow.Vector<T>;

const item = (type: arrow.DataType): arrow.Field => new arrow.Field('item', type, true);

/** The rows 1, 'a' and 3. */
function union(mode: arrow.UnionMode): arrow.Vector {
  const isDense = mode === arrow.UnionMode.Dense;
  const fields = [new arrow.Field('number', new arrow.Int32(), true), new arrow.Field('text', new arrow.Utf8(), true)];
  const numbers = vector(isDense ? [1, 3] : [1, 0, 3], new arrow.Int32());
  const texts = vector(isDense ? ['a'] : ['', 'a', ''], new arrow.Utf8());
  const children = [numbers.data[0], texts.data[0]] as arrow.Data[];
  const typeIds = Int8Array.of(0, 1, 0);
  const data = isDense
    ? arrow.makeData({
        type: new arrow.DenseUnion([0, 1], fields),
        length: 3,
        typeIds,
        valueOffsets: Int32Array.of(0, 0, 1),
        children,
      })
    : arrow.makeData({ type: new arrow.SparseUnion([0, 1], fields), length: 3, typeIds, children });
  return new arrow.Vector([data as arrow.Data]);
}

/** Columns of three rows by the name of their type. */
export const columns: Record<string, () => arrow.Vector> = {
  Null: () => vector([null, null, null], new arrow.Null()),
  Bool: () => vector([true, null, false], new arrow.Bool()),
  Int8: () => vector([1, null, -3], new arrow.Int8()),
  Int16: () => vector([1, null, -3], new arrow.Int16()),
  Int32: () => vector([1, null, -3], new arrow.Int32()),
  Int64: () => vector([1n, null, -(2n ** 60n)], new arrow.Int64()),
  Uint8: () => vector([1, null, 3], new arrow.Uint8()),
  Uint16: () => vector([1, null, 3], new arrow.Uint16()),
  Uint32: () => vector([1, null, 3], new arrow.Uint32()),
  Uint64: () => vector([1n, null, 2n ** 63n], new arrow.Uint64()),
  Float16: () => vector([1, null, 0.5], new arrow.Float16()),
  Float32: () => vector([1, null, 0.5], new arrow.Float32()),
  Float64: () => vector([1, null, Number.NaN], new arrow.Float64()),
  Utf8: () => vector(['a', null, 'é🦀'], new arrow.Utf8()),
  LargeUtf8: () => vector(['a', null, 'é🦀'], new arrow.LargeUtf8()),
  Utf8View: () => vector(['a', null, 'longer than twelve bytes'], new arrow.Utf8View()),
  Binary: () => vector([bytes(1), null, bytes(0, 255)], new arrow.Binary()),
  LargeBinary: () => vector([bytes(1), null, bytes(0, 255)], new arrow.LargeBinary()),
  BinaryView: () => vector([bytes(1), null, new Uint8Array(20).fill(7)], new arrow.BinaryView()),
  FixedSizeBinary: () => vector([bytes(1, 2), null, bytes(3, 4)], new arrow.FixedSizeBinary(2)),
  DateDay: () => vector([new Date(0), null, new Date(86_400_000)], new arrow.DateDay()),
  DateMillisecond: () => vector([new Date(0), null, new Date(86_400_000)], new arrow.DateMillisecond()),
  TimestampMicrosecond: () => vector([1, null, 2], new arrow.TimestampMicrosecond('UTC')),
  TimeMillisecond: () => vector([1, null, 2], new arrow.TimeMillisecond()),
  TimeNanosecond: () => vector([1000n, null, 2000n], new arrow.TimeNanosecond()),
  DurationSecond: () => vector([1n, null, 2n], new arrow.DurationSecond()),
  List: () => vector([[1, 2], null, []], new arrow.List(item(new arrow.Int32()))),
  LargeList: () => vector([[1, 2], null, []], new arrow.LargeList(item(new arrow.Int32()))),
  FixedSizeList: () => vector([[1, 2], null, [3, 4]], new arrow.FixedSizeList(2, item(new arrow.Int32()))),
  Struct: () =>
    vector(
      [{ x: 1, y: 'a' }, null, { x: 3, y: 'c' }],
      new arrow.Struct([new arrow.Field('x', new arrow.Int32(), true), new arrow.Field('y', new arrow.Utf8(), true)]),
    ),
  Map: () =>
    vector(
      [new Map([['a', 1]]), null, new Map()],
      new arrow.Map_(
        new arrow.Field(
          'entries',
          new arrow.Struct([
            new arrow.Field('key', new arrow.Utf8(), false),
            new arrow.Field('value', new arrow.Int32(), true),
          ] as never),
          false,
        ) as never,
      ),
    ),
  DenseUnion: () => union(arrow.UnionMode.Dense),
  SparseUnion: () => union(arrow.UnionMode.Sparse),
  Dictionary: () => vector(['a', null, 'a'], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32())),
};

/** A table of one column, x, of a type by its name. */
export function tableOf(type: string): arrow.Table {
  return new arrow.Table({ x: (columns[type] as () => arrow.Vector)() });
}

/** A value of a column so that two can be compared. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (value !== null && typeof value === 'object' && Symbol.iterator in value)
    return Array.from(value as Iterable<unknown>, plain);
  return value;
}

/** All values of column x. */
export function valuesOf(table: arrow.Table): unknown[] {
  const column = table.getChild('x');
  return Array.from({ length: table.numRows }, (_, i) => plain(column?.get(i)));
}

/** Every buffer with bytes of a table: of its columns, their children and dictionaries. */
export function buffersOf(table: arrow.Table): ArrayBufferView[] {
  const buffers: ArrayBufferView[] = [];
  const visit = (data: arrow.Data | undefined): void => {
    // apache-arrow leaves out the child of a list without rows.
    if (data === undefined) return;
    const own: unknown[] = [data.values, data.valueOffsets, data.nullBitmap, data.typeIds, ...data.variadicBuffers];
    buffers.push(...own.filter((view): view is ArrayBufferView => ArrayBuffer.isView(view) && view.byteLength > 0));
    data.children.forEach(visit);
    (data.dictionary as arrow.Vector | undefined)?.data.forEach(visit);
  };
  for (const { data } of table.batches) visit(data);
  return buffers;
}
