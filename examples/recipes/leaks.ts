/** Finding leaks: what this process owns and maps, and the line that created each segment. */
import { subscribe } from 'node:diagnostics_channel';

import type { DiagnosticsMessages } from 'shareable';
import { ShareableList, SharedMemory } from 'shareable';
import { segments } from 'shareable/testing';

// 1. At any moment: for a debug page, or in `afterEach` of a test.
const forgotten = SharedMemory.create(4096);
for (const { name, size, isOwned, mappings, createdAt } of segments()) {
  const line = createdAt?.replace(/^.*\//, '');
  console.log(`${name === forgotten.name} ${size} owned=${isOwned} mappings=${mappings} at ${line}`);
}
forgotten[Symbol.dispose]();

// 2. Over time: how many are open, by class.
const open = new Map<string, number>();
const count = (step: number) => (message: unknown) => {
  const { kind } = message as DiagnosticsMessages['shareable:close'];
  open.set(kind, (open.get(kind) ?? 0) + step);
};
subscribe('shareable:create', count(1));
subscribe('shareable:attach', count(1));
subscribe('shareable:close', count(-1));
{
  using list = ShareableList.create([1]);
  const reader = ShareableList.attach(list.name);
  reader.get(0); // and no reader.close()
}
console.log(`still open: ${JSON.stringify([...open])}`);
