/** Set-up of every test file: matchers, fresh names, a watchdog, and a check that it leaves nothing behind. */
import { ShareableList, SharedMemory } from 'shareable';
import { afterAll, beforeEach } from 'vitest';

import { killLeftovers } from './child.ts';
import { addMatchers } from './matchers.ts';
import { exists, isOurs, namesInUse, remove, startNames } from './segments.ts';
import { unfold } from './suppressed.ts';
import { startWatchdog } from './watchdog.ts';

startNames();
addMatchers();
startWatchdog();

/** The names of all segments that this process creates, including random ones. */
const created = new Set<string>();

function watch<Method extends 'create' | 'createOrAttach'>(
  owner: Record<Method, (...args: never[]) => { name: string }>,
  method: Method,
): void {
  const original = owner[method];
  owner[method] = (...args) => {
    const made = original.apply(owner, args);
    created.add(made.name);
    return made;
  };
}
watch(SharedMemory, 'create');
watch(SharedMemory, 'createOrAttach');
watch(ShareableList, 'create');

/** Has a failure say what failed first, and then what failed when its scope ended. */
beforeEach(function saysWhatFailed({ onTestFailed }) {
  onTestFailed(({ task }) => unfold(task.result?.errors ?? []));
});

/** Fails a test file that leaves a segment or a child process, and removes it. */
afterAll(function leavesNothing() {
  const running = killLeftovers();
  const left = [...new Set([...namesInUse().filter(isOurs), ...[...created].filter(exists)])];
  for (const name of left) remove(name);
  if (left.length > 0) throw new Error(`this file left in /dev/shm: ${left.join(', ')}`);
  if (running.length > 0) throw new Error(`this file left running, until now: ${running.join('; ')}`);
});
