/** Whether a column's buffers are as long as its number of rows says: apache-arrow reads past their end as `undefined`. */
import type { Data, Table, Vector } from 'apache-arrow';
import { Type } from 'apache-arrow/enum';

/** Rows are counted with 31 bits by the offsets of most types. */
const MAX_ROWS = 2 ** 31 - 1;

const lengthOf = (buffer: unknown): number =>
  ArrayBuffer.isView(buffer) ? (buffer as unknown as { length: number }).length : 0;

/** How many elements of `values` a row has; `undefined` for types without values of their own. */
function elementsPerRow(data: Data): number | undefined {
  switch (data.typeId) {
    case Type.Null:
    case Type.Struct:
    case Type.Union:
    case Type.DenseUnion:
    case Type.SparseUnion:
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList:
    case Type.Map:
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
      return undefined;
    case Type.Utf8View:
    case Type.BinaryView:
      return 16;
    default:
      return data.stride;
  }
}

/** The children of a column. apache-arrow leaves out those of a list without rows. */
export function childrenOf(data: Data): Data[] {
  return (data.children as (Data | undefined)[]).filter((child) => child !== undefined);
}

/** The number of rows that every child of a column must have. */
function childRows(data: Data): number {
  if (data.typeId === Type.FixedSizeList) return data.length * data.stride;
  return data.typeId === Type.Struct || data.typeId === Type.SparseUnion ? data.length : 0;
}

function checkColumn(data: Data, name: string): string | undefined {
  const { length, valueOffsets, nullBitmap, typeIds } = data;
  const bits = Math.ceil(length / 8);
  const perRow = elementsPerRow(data);
  const isShort =
    length > MAX_ROWS ||
    (lengthOf(nullBitmap) > 0 && lengthOf(nullBitmap) < bits) ||
    (data.typeId === Type.Bool
      ? lengthOf(data.values) < bits
      : perRow !== undefined && lengthOf(data.values) < length * perRow) ||
    (valueOffsets !== undefined && length > 0 && lengthOf(valueOffsets) < length + (typeIds === undefined ? 1 : 0)) ||
    (typeIds !== undefined && lengthOf(typeIds) < length) ||
    childrenOf(data).some((child) => child.length < childRows(data));
  return isShort ? `column '${name}' has ${length} rows, more than its buffers hold` : undefined;
}

/** Returns what is wrong with the first column that is; `undefined` when every column holds its rows. */
export function checkColumns(table: Table): string | undefined {
  const seen = new Set<Data>();
  const check = (data: Data, name: string): string | undefined => {
    if (seen.has(data)) return undefined;
    seen.add(data);
    let wrong = checkColumn(data, name);
    for (const child of childrenOf(data)) wrong ??= check(child, name);
    for (const chunk of (data.dictionary as Vector | undefined)?.data ?? []) wrong ??= check(chunk, name);
    return wrong;
  };
  for (const { data, schema } of table.batches) {
    for (const [i, child] of data.children.entries()) {
      const name = schema.fields[i]?.name ?? '';
      const wrong = child.length < data.length ? `column '${name}' has fewer rows than its batch` : check(child, name);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}
