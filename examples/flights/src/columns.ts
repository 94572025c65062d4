import type { SharedMemory } from 'shareable';

/** The five columns of the table, as views of the shared segment or of a message. */
export interface Columns {
  /** Local time of departure, in minutes since 1970-01-01. */
  minute: Int32Array;
  /** Delay on arrival in minutes; negative is early. */
  delay: Int16Array;
  /** Miles flown. */
  distance: Uint16Array;
  /** Index into the list of airports. */
  origin: Uint16Array;
  destination: Uint16Array;
}

export type ColumnName = keyof Columns;

/** The position of each column in the segment: a small plain object that is sent with the handle. */
export interface Layout {
  readonly rows: number;
  readonly byteLength: number;
  readonly offsets: Readonly<Record<ColumnName, number>>;
}

/** A half-open range of rows. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

const elementBytes: Record<ColumnName, number> = {
  minute: Int32Array.BYTES_PER_ELEMENT,
  delay: Int16Array.BYTES_PER_ELEMENT,
  distance: Uint16Array.BYTES_PER_ELEMENT,
  origin: Uint16Array.BYTES_PER_ELEMENT,
  destination: Uint16Array.BYTES_PER_ELEMENT,
};

/** The size of a cache line, which aligns every element type and keeps columns apart. */
const alignment = 64;

/** Places the columns one after the other. */
export function layOut(rows: number): Layout {
  let end = 0;
  const place = (column: ColumnName): number => {
    const offset = Math.ceil(end / alignment) * alignment;
    end = offset + rows * elementBytes[column];
    return offset;
  };
  const offsets = {
    minute: place('minute'),
    delay: place('delay'),
    distance: place('distance'),
    origin: place('origin'),
    destination: place('destination'),
  };
  return { rows, byteLength: end, offsets };
}

/** Returns the columns as views of a segment, without copying. */
export function columnsIn(segment: SharedMemory, { rows, offsets }: Layout): Columns {
  return {
    minute: segment.array(Int32Array, offsets.minute, rows),
    delay: segment.array(Int16Array, offsets.delay, rows),
    distance: segment.array(Uint16Array, offsets.distance, rows),
    origin: segment.array(Uint16Array, offsets.origin, rows),
    destination: segment.array(Uint16Array, offsets.destination, rows),
  };
}

/** Returns views of some rows of the columns. */
export function narrow(columns: Columns, { start, end }: Slice): Columns {
  return {
    minute: columns.minute.subarray(start, end),
    delay: columns.delay.subarray(start, end),
    distance: columns.distance.subarray(start, end),
    origin: columns.origin.subarray(start, end),
    destination: columns.destination.subarray(start, end),
  };
}

export function bytesIn(columns: Columns): number {
  const views: ArrayBufferView[] = Object.values(columns);
  return views.reduce((sum, view) => sum + view.byteLength, 0);
}

/** Returns part `index` of `rows` rows, split into `parts` parts whose sizes differ by one row at most. */
export function sliceOf(rows: number, index: number, parts: number): Slice {
  return {
    start: Math.floor((rows * index) / parts),
    end: Math.floor((rows * (index + 1)) / parts),
  };
}
