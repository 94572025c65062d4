/** A worker that is handed names, not data: it maps what the parent has already got. */
import { SharedArray } from 'shareable';
import { attachTable } from 'shareable/arrow';
import { receive, reply } from './child.ts';
import { columnsIn, narrow } from './columns.ts';
import type { SharingTask } from './by-sharing.ts';
import { airportsIn, tally } from './job.ts';
import { measureMemory } from './memory.ts';

reply();

const { index, slice, ...task } = await receive<SharingTask>();
using flights = attachTable(task.flights, { readOnly: true });
using partials = SharedArray.attach(task.partials);
using progress = SharedArray.attach(task.progress);
const columns = narrow(columnsIn(flights), slice);
const partial = partials.row(index);
reply();

await receive<'compute'>();
partial.set(tally(columns, airportsIn(partial), (rows) => (progress.data[index] = rows)));
reply();

await receive<'measure'>();
reply(await measureMemory());
