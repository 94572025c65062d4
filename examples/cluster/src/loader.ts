/** Decodes the dataset with a SHA-256 and writes it to standard output: its size, and an Arrow table. `loader.ts SHA256` */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { makeTable, tableToIPC, type Table } from 'apache-arrow';
import { ownColumns } from 'shareable-example-flights/columns';
import { countFlights, decodeFlights } from 'shareable-example-flights/dataset';
import { flightsFile } from 'shareable-example-flights/files';

/** The name of the dataset that this machine has. */
export async function hashOfDataset(): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(flightsFile), hash);
  return hash.digest('hex');
}

/** Decodes the first rows of the dataset into an Arrow table. */
export async function readDataset(limit: number): Promise<Table> {
  const columns = ownColumns(Math.min(await countFlights(), limit));
  const airports = await decodeFlights(columns);
  const table = makeTable(columns);
  table.schema.metadata.set('airports', String(airports.length));
  return table;
}

if (import.meta.main) {
  const [wanted = ''] = process.argv.slice(2);
  const actual = await hashOfDataset();
  if (actual !== wanted) throw new Error(`the dataset here is ${actual}, and the job wants ${wanted}`);
  const bytes = tableToIPC(await readDataset(Number(process.env['FLIGHTS_ROWS'] ?? Infinity)), 'file');
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(bytes.length));
  for (const piece of [size, bytes]) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}
