/** A worker that gets names instead of data: it maps the memory of the parent. */
import { ShareableList, SharedMemory } from 'shareable';
import { receive, reply } from './child.ts';
import { columnsIn, narrow } from './columns.ts';
import type { SharingTask } from './by-sharing.ts';
import { tally } from './job.ts';
import { measureMemory } from './memory.ts';

reply();

const task = await receive<SharingTask>();
using segment = SharedMemory.attach(task.segment, { readOnly: true });
using partials = ShareableList.attach<number>(task.partials);
using progress = ShareableList.attach<number>(task.progress);
const columns = narrow(columnsIn(segment, task.layout), task.slice);
reply();

await receive<'compute'>();
const totals = tally(columns, task.airports, (rows) => progress.set(task.index, rows));
for (const [slot, total] of totals.entries()) {
  partials.set(task.index * totals.length + slot, total);
}
reply();

await receive<'measure'>();
reply(await measureMemory());
