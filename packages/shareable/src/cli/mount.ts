/**
 * What can be wrong with the mount that segments live on, in the words that the core uses when `create` or `attach` fails
 * because of it: `crates/core/src/sys/memory/linux/mount.rs`.
 */
import { accessSync, constants, statSync, statfsSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';

import { SharedMemoryError } from '../errors.js';

/** Where Linux keeps segments. */
export const MOUNT = '/dev/shm';

/** See open(2); Node does not name it. */
export const O_TMPFILE: number = 0o20_000_000 | constants.O_DIRECTORY;

/** See statfs(2). */
export const TMPFS_MAGIC = 0x0102_1994;
const RAMFS_MAGIC = 0x8584_58f6;

/** A fault of the whole mount. */
export interface MountFault {
  code: string;
  message: string;
  /** What to do, as the second half of a sentence. */
  advice: string;
}

const MOUNTING = `mount -t tmpfs -o mode=1777 tmpfs ${MOUNT}`;

/** Returns what keeps this user from creating segments at {@link MOUNT}, or `undefined`. */
export function mountFault(): MountFault | undefined {
  const found = statSync(MOUNT, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) {
    const message = found === undefined ? `${MOUNT} does not exist` : `${MOUNT} is not a folder`;
    return { code: 'ENOENT', message, advice: `mount a tmpfs there: mkdir -p ${MOUNT} && ${MOUNTING}` };
  }
  // Node 20 gives the number with its sign.
  if (statfsSync(MOUNT).type >>> 0 === RAMFS_MAGIC) {
    const message = `${MOUNT} is a ramfs, which cannot set memory aside, fallocate(2)`;
    return { code: 'ENOTSUP', message, advice: `mount a tmpfs there: ${MOUNTING}` };
  }
  try {
    accessSync(MOUNT, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    const code = getSystemErrorName(errno);
    if (code === 'EROFS') {
      return {
        code,
        message: `${MOUNT} is mounted read-only`,
        advice: `make it writable: mount -o remount,rw ${MOUNT}`,
      };
    }
    const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
    const message = `this user may not create files in ${MOUNT}, whose mode is ${mode}`;
    return { code, message, advice: `allow it: chmod 1777 ${MOUNT}` };
  }
}

/**
 * Checks that an empty list of segments means that no segments exist.
 *
 * @throws {SharedMemoryError} `ENOENT` when {@link MOUNT} is not there
 */
export function checkThatThereIsAMount(): void {
  const fault = mountFault();
  if (fault?.code !== 'ENOENT') return;
  throw new SharedMemoryError(`segments cannot be listed: ${fault.message}; ${fault.advice}`, { code: fault.code });
}
