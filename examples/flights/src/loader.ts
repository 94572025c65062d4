/** Decodes the file straight into the parent's table, in a process of its own. */
import { SharedArray } from 'shareable';
import { attachTable } from 'shareable/arrow';
import { receive, reply } from './child.ts';
import { columnsIn } from './columns.ts';
import { decodeFlights } from './dataset.ts';
import type { LoadTask } from './load.ts';

reply();

const task = await receive<LoadTask>();
using flights = attachTable(task.flights);
using progress = SharedArray.attach(task.progress);
reply(await decodeFlights(columnsIn(flights), { onProgress: (rows) => progress.set(0, rows) }));
