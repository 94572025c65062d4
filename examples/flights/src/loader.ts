/** Decodes the file straight into the parent's segment, in a process of its own. */
import { ShareableList, SharedMemory } from 'shareable';
import { receive, reply } from './child.ts';
import { columnsIn } from './columns.ts';
import { decodeFlights } from './dataset.ts';
import type { LoadTask } from './load.ts';

reply();

const task = await receive<LoadTask>();
using segment = SharedMemory.attach(task.segment);
using progress = ShareableList.attach<number>(task.progress);
reply(await decodeFlights(columnsIn(segment, task.layout), (rows) => progress.set(0, rows)));
