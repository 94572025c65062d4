import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// The package of the data exports only its main module, so its files are found from there.
const folder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');

export const flightsFile = join(folder, 'flights-3m.parquet');
export const airportsFile = join(folder, 'airports.csv');
