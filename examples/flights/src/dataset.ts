import { zstdDecompressSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetScan } from 'hyparquet';
import type { ColumnName, Columns } from './columns.ts';
import { flightsFile } from './files.ts';

/** What the file calls each of our columns. */
const namesInFile: Record<ColumnName, string> = {
  minute: 'date',
  delay: 'delay',
  distance: 'distance',
  origin: 'origin',
  destination: 'destination',
};

/** How many flights the file holds: read from its footer, no data is touched. */
export async function countFlights(): Promise<number> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(flightsFile));
  return Number(metadata.num_rows);
}

/** Which rows to decode, and what to tell. */
export interface DecodeOptions {
  /** The first row. Default: 0. */
  readonly start?: number;
  /** The codes that `origin` and `destination` get. Default: in the order in which they occur. */
  readonly airports?: readonly string[];
  /** Called after each row group, with the codes so far; awaited, so it can wait until the rows have been used. */
  readonly onProgress?: (rowsDone: number, airports: readonly string[]) => void | Promise<void>;
}

/**
 * Decodes rows of the file into `columns`, as many as they have room for.
 *
 * One row group is decoded at a time, and written where it will stay: there is never a second
 * full copy of the table. Returns the airport codes that `origin` and `destination` point into.
 */
export async function decodeFlights(
  columns: Columns,
  { start = 0, airports: known = [], onProgress }: DecodeOptions = {},
): Promise<string[]> {
  const end = start + columns.minute.length;
  const scan = await parquetScan({
    file: await asyncBufferFromFile(flightsFile),
    // The file is compressed by Zstandard, which Node brings along.
    compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
    parsers: { timestampFromMicroseconds: (micros) => Number(micros / 60_000_000n) },
  });

  const airports = new Map(known.map((airport, code) => [airport, code]));
  for (const group of scan.ranges) {
    const range = { rowStart: Math.max(group.rowStart, start), rowEnd: Math.min(group.rowEnd, end) };
    if (range.rowStart >= range.rowEnd) continue;
    for (const [name, column] of Object.entries(namesInFile)) {
      const values = await scan.readColumn({ column, ...range });
      store(values, columns[name as ColumnName], range.rowStart - start, airports);
    }
    await onProgress?.(range.rowEnd - start, [...airports.keys()]);
  }
  return [...airports.keys()];
}

function store(
  values: ArrayLike<unknown>,
  target: Columns[ColumnName],
  rowStart: number,
  airports: Map<string, number>,
): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    const stored = typeof value === 'string' ? codeOf(value, airports) : Number(value ?? NaN);
    const row = rowStart + index;
    target[row] = stored;
    // A typed array wraps what does not fit, and turns a missing value into 0.
    if (target[row] !== stored) {
      throw new RangeError(`Row ${row} holds ${String(value)}, which its column cannot store`);
    }
  }
}

function codeOf(airport: string, airports: Map<string, number>): number {
  let code = airports.get(airport);
  if (code === undefined) airports.set(airport, (code = airports.size));
  return code;
}
