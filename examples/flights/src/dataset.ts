import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetScan } from 'hyparquet';
import type { ColumnName, Columns } from './columns.ts';

/** The name of each column in the file. */
const namesInFile: Record<ColumnName, string> = {
  minute: 'date',
  delay: 'delay',
  distance: 'distance',
  origin: 'origin',
  destination: 'destination',
};

/** Reads the number of flights from the footer of the file. */
export async function countFlights(): Promise<number> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(flightsFile()));
  return Number(metadata.num_rows);
}

/**
 * Decodes as many rows of the file into `columns` as fit.
 *
 * It decodes one row group at a time and writes it to its final place, so that there is never a
 * second full copy of the table. Returns the airport codes that `origin` and `destination` index.
 */
export async function decodeFlights(columns: Columns, onProgress: (rowsDone: number) => void): Promise<string[]> {
  const rows = columns.minute.length;
  const scan = await parquetScan({
    file: await asyncBufferFromFile(flightsFile()),
    // The file is compressed by Zstandard, which Node includes.
    compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
    parsers: { timestampFromMicroseconds: (micros) => Number(micros / 60_000_000n) },
  });

  const airports = new Map<string, number>();
  for (const group of scan.ranges) {
    if (group.rowStart >= rows) break;
    const range = { rowStart: group.rowStart, rowEnd: Math.min(group.rowEnd, rows) };
    for (const [name, column] of Object.entries(namesInFile)) {
      const values = await scan.readColumn({ column, ...range });
      store(values, columns[name as ColumnName], range.rowStart, airports);
    }
    onProgress(range.rowEnd);
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
    // A typed array wraps a number that does not fit, and turns a missing value into 0.
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

/** Finds the data by the main module of the package, which is all that it exports. */
function flightsFile(): string {
  const main = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(main), '..', 'data', 'flights-3m.parquet');
}
