/** A worker that reads its rows of the file by itself. */
import { receive, reply } from './child.ts';
import type { FileTask } from './by-file.ts';
import { ownColumns } from './columns.ts';
import { decodeFlights } from './dataset.ts';
import { tally } from './job.ts';
import { measureMemory } from './memory.ts';

reply();

const { slice, airports } = await receive<FileTask>();
const columns = ownColumns(slice.end - slice.start);
await decodeFlights(columns, { start: slice.start, airports });
reply();

await receive<'compute'>();
reply(tally(columns, airports.length));

await receive<'measure'>();
reply(await measureMemory());
