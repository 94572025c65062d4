/** The check of `shareable doctor` on asynchronous waits of channels and primitives. */
import { closeSync, constants, futimesSync, openSync, watch } from 'node:fs';

import type { Check } from './checks.js';
import { messageOf, ok, unavailable, warning } from './checks.js';
import { hasMount } from './helper.js';
import { MOUNT, O_TMPFILE } from './mount.js';

const ID = 'doorbell';

/** Milliseconds. The kernel notifies within microseconds. */
const LIMIT = 2000;

/** Waits until a watch on an unnamed file on the mount notices that the times of the file change. */
async function ring(): Promise<void> {
  const descriptor = openSync(MOUNT, constants.O_RDWR | O_TMPFILE, 0o600);
  try {
    await new Promise<void>((resolve, reject) => {
      const watcher = watch(`/proc/self/fd/${descriptor}`, () => end(resolve));
      const timer = setTimeout(() => end(() => reject(new Error(`no notification within ${LIMIT} ms`))), LIMIT);
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        watcher.close();
        finish();
      };
      watcher.once('error', (error) => end(() => reject(error)));
      const now = Date.now() / 1000;
      futimesSync(descriptor, now, now);
    });
  } finally {
    closeSync(descriptor);
  }
}

/** Checks that a process is told of messages while its event loop is free; see `doorbell.ts`. */
export async function checkDoorbell(): Promise<Check> {
  if (!hasMount) return unavailable(ID, 'asynchronous waits look every few milliseconds on this system');
  try {
    await ring();
    return ok(ID, 'the kernel tells asynchronous waits of messages, values and permits');
  } catch (error) {
    return warning(
      ID,
      `the kernel does not tell of changes: ${messageOf(error)}`,
      'Asynchronous waits look every few milliseconds instead. They need /proc and an inotify instance; see ' +
        'fs.inotify.max_user_instances in sysctl(8).',
    );
  }
}
