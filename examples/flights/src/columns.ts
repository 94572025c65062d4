import { allocateTable, type AllocatedTable, type Columns as ColumnsOf } from 'shareable/arrow';

/** The five columns of the table, and the Arrow type of each. */
const types = {
  /** Local time of departure, in minutes since 1970-01-01. */
  minute: 'int32',
  /** Delay on arrival in minutes; negative is early. */
  delay: 'int16',
  /** Miles flown. */
  distance: 'uint16',
  /** Index into the list of airports. */
  origin: 'uint16',
  destination: 'uint16',
} as const;

/** The columns as typed arrays: over the shared table, or over a message. */
export type Columns = { -readonly [K in keyof typeof types]: ColumnsOf<typeof types>[K] };

export type ColumnName = keyof Columns;

/** The table in shared memory. */
export type FlightTable = AllocatedTable<typeof types>;

/** What the table is sent as: a name. */
export type FlightsHandle = ReturnType<FlightTable['toJSON']>;

/** Makes the table of zeros in shared memory, to be filled in place. */
export function allocateFlights(rows: number): FlightTable {
  return allocateTable(types, rows);
}

/** A half-open range of rows. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** The columns of an attached table: nothing is copied. */
export function columnsIn({ table }: Pick<FlightTable, 'table'>): Columns {
  const column = (name: ColumnName) => table.getChild(name)?.data[0]?.values;
  return {
    minute: column('minute'),
    delay: column('delay'),
    distance: column('distance'),
    origin: column('origin'),
    destination: column('destination'),
  } as Columns;
}

/** Columns of a process's own, of zeros. */
export function ownColumns(rows: number): Columns {
  return {
    minute: new Int32Array(rows),
    delay: new Int16Array(rows),
    distance: new Uint16Array(rows),
    origin: new Uint16Array(rows),
    destination: new Uint16Array(rows),
  };
}

/** The same columns, narrowed to some rows: views again. */
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

/** Part `index` of `rows` rows cut into `parts` parts of equal size, give or take one row. */
export function sliceOf(rows: number, index: number, parts: number): Slice {
  return {
    start: Math.floor((rows * index) / parts),
    end: Math.floor((rows * (index + 1)) / parts),
  };
}
