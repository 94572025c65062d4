/** Whether a column's buffers are as long as its number of rows says: apache-arrow reads past their end as `undefined`. */
import type { Data, Table, Union, Vector } from 'apache-arrow';
import { Type, UnionMode } from 'apache-arrow/enum';

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
  return data.typeId === Type.Struct || isSparseUnion(data) ? data.length : 0;
}

/** A union that was read has one type for both modes. */
function isSparseUnion({ typeIds, type }: Data): boolean {
  return typeIds !== undefined && (type as Union).mode === UnionMode.Sparse;
}

/** How many units the types have that have one. */
const UNITS: { readonly [type: number]: number } = {
  [Type.Date]: 2,
  [Type.Time]: 4,
  [Type.Timestamp]: 4,
  [Type.Interval]: 3,
  [Type.Duration]: 4,
};

/** Whether a column has rows, but not the children that its rows are made of. */
function lacksChildren({ typeId, length, children }: Data): boolean {
  const [child] = children as (Data | undefined)[];
  if (length === 0) return false;
  switch (typeId) {
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList:
      return child === undefined;
    case Type.Map:
      return child?.typeId !== Type.Struct || childrenOf(child).length < 2;
    default:
      return false;
  }
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
    lacksChildren(data) ||
    childrenOf(data).some((child) => child.length < childRows(data));
  const units = UNITS[data.typeId];
  const { unit } = data.type as { unit?: number };
  if (units !== undefined && !(unit !== undefined && unit >= 0 && unit < units))
    return `column '${name}' has a unit of time that does not exist`;
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
