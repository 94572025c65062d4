/** A worker that gets a copy of its rows in a message. */
import { receive, reply, sendProgress } from './child.ts';
import type { MessageTask } from './by-message.ts';
import { tally } from './job.ts';
import { measureMemory } from './memory.ts';

reply();

const { columns, airports } = await receive<MessageTask>();
reply();

await receive<'compute'>();
reply(tally(columns, airports, sendProgress));

await receive<'measure'>();
reply(await measureMemory());
