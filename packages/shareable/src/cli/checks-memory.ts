/** The checks of `shareable doctor` on shared memory: the mount, its room, limits, and abandoned segments. */
import { closeSync, constants, openSync, readFileSync, statfsSync } from 'node:fs';

import type * as Binding from '../native/binding.js';
import type { Check } from './checks.js';
import { messageOf, ok, problem, unavailable, warning } from './checks.js';
import { isStale } from './facts.js';
import { count, formatBytes } from './format.js';
import { askAbout, canList, hasMount, listSegments } from './helper.js';
import { MOUNT, O_TMPFILE, TMPFS_MAGIC, mountFault } from './mount.js';

/** What Docker and similar programs give a container. */
const CONTAINER_DEFAULT = 64 * 1024 ** 2;

const MORE_ROOM =
  'For a container: --shm-size=1g, shm_size in a Compose file, or in Kubernetes an emptyDir with medium: Memory at ' +
  `${MOUNT}. Elsewhere: mount -o remount,size=… ${MOUNT}.`;

/** Checks that segments have a place in memory that this user may write to. */
export function checkMount(): Check {
  if (!hasMount) return unavailable('mount', `${process.platform} keeps segments in the kernel or in temporary files`);
  const fault = mountFault();
  if (fault !== undefined)
    return problem('mount', fault.message, `${fault.advice[0]?.toUpperCase()}${fault.advice.slice(1)}`);
  if (statfsSync(MOUNT).type !== TMPFS_MAGIC) {
    return warning(
      'mount',
      `${MOUNT} is not a tmpfs: segments there may go to a disk`,
      `Mount one: mount -t tmpfs -o mode=1777 tmpfs ${MOUNT}`,
    );
  }
  try {
    closeSync(openSync(MOUNT, constants.O_RDWR | O_TMPFILE, 0o600));
  } catch (error) {
    return warning(
      'mount',
      `${MOUNT} makes no unnamed files: ${messageOf(error)}`,
      'Segments show up before they are complete, and a process killed at that moment leaves one. A tmpfs has O_TMPFILE.',
    );
  }
  return ok('mount', `${MOUNT} is a tmpfs, writable, with O_TMPFILE`);
}

/** Checks that there is room for segments. */
export function checkSpace(): Check {
  if (!hasMount) return unavailable('space', 'segments have no file system of their own');
  try {
    const { bsize, blocks, bavail, files, ffree } = statfsSync(MOUNT);
    const [size, free] = [blocks * bsize, bavail * bsize];
    const message = `${formatBytes(free)} of ${formatBytes(size)} free`;
    if (free === 0) return problem('space', message, `Remove what is not needed, see 'shareable ls'. ${MORE_ROOM}`);
    if (files > 0 && ffree === 0) {
      return problem('space', `${message}, but no inodes`, `mount -o remount,nr_inodes=… ${MOUNT}`);
    }
    if (size <= CONTAINER_DEFAULT) {
      return warning('space', `${message}: only the default of a container`, MORE_ROOM);
    }
    if (free < size / 10) {
      return warning('space', `${message}: less than a tenth`, "See 'shareable ls' for what takes it.");
    }
    return ok('space', message);
  } catch (error) {
    return problem(
      'space',
      `the free space of ${MOUNT} cannot be read: ${messageOf(error)}`,
      'See the line on the mount.',
    );
  }
}

/** Room below which a program that shares memory soon meets the limit. */
const LITTLE_MEMORY = 64 * 1024 ** 2;

/** Checks how much memory the cgroup of this process may still use. */
export async function checkMemoryLimit(hasHelper: boolean): Promise<Check> {
  const id = 'memory-limit';
  if (!hasMount) return unavailable(id, 'only Linux has memory cgroups');
  if (!hasHelper) return unavailable(id, 'the helper does not answer');
  const { memoryLimit } = await askAbout();
  if (memoryLimit === null) return ok(id, 'no memory cgroup limits this process');
  const { file, bytes, left } = memoryLimit;
  const message = `the memory cgroup of this process has ${formatBytes(left)} of ${formatBytes(bytes)} left (${file})`;
  if (left >= LITTLE_MEMORY) return ok(id, `${message}; segments count towards it`);
  return warning(
    id,
    message,
    'Segments count towards it. Raise it: docker --memory=…, Kubernetes resources.limits.memory, systemd MemoryMax=.',
  );
}

/** Checks that a segment can be created, filled, seen by other processes, and removed. */
export async function checkSegment(binding: typeof Binding | undefined, hasHelper: boolean): Promise<Check> {
  if (binding === undefined) return unavailable('segment', 'the addon does not load');
  try {
    // Not tracked, because a tracker would sweep, and a check must not change anything.
    const { handle, name } = binding.createSegment(binding.pageSize, { track: false, exactMode: false, mode: 0o600 });
    try {
      new Uint8Array(binding.segmentBuffer(handle)).fill(1);
      const seen = canList && hasHelper ? (await listSegments()).find((segment) => segment.name === name) : undefined;
      // Windows records no owners, and needs none.
      if (hasMount && seen?.owner === null) {
        return warning(
          'segment',
          'can be created and removed, but the system does not record the creator',
          "Only the owners in 'shareable ls' are missing. Linux records them from 6.6 on.",
        );
      }
      if (seen?.isInUse === false || seen?.isInUse === null) {
        return problem(
          'segment',
          'can be created and removed, but a segment in use looks unused',
          'Do not use shareable gc on this system, and report it: its file leases, fcntl(2) F_SETLEASE, are not as on Linux.',
        );
      }
    } finally {
      binding.unlinkSegment(handle);
      binding.closeSegment(handle, undefined);
    }
    return ok('segment', 'can be created, filled and removed');
  } catch (error) {
    return problem('segment', messageOf(error), 'Nothing works without it. The other lines may say why.');
  }
}

/** Returns a soft limit of `/proc/self/limits`, or Infinity. */
function limit(limits: string, title: string): number {
  const [, soft = 'unlimited'] = new RegExp(`^${title} +(\\S+)`, 'm').exec(limits) ?? [];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Below these numbers, a program soon runs out. */
const FEW_MAPPINGS = 65_530;
const FEW_FILES = 1024;

/** Checks that a process may have many and large segments. */
export function checkLimits(): Check[] {
  if (!hasMount) return [unavailable('limits', 'only Linux shows them, in /proc')];
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const mappings = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
    const files = limit(limits, 'Max open files');
    const fileSize = limit(limits, 'Max file size');
    return [
      mappings < FEW_MAPPINGS
        ? warning('mappings', `a process may have ${mappings} mappings`, `sysctl vm.max_map_count=${FEW_MAPPINGS}`)
        : ok('mappings', `a process may have ${mappings} mappings; each open segment takes one or two`),
      files < FEW_FILES
        ? warning('files', `a process may have ${files} open files`, `Raise it: ulimit -n ${FEW_FILES}`)
        : ok('files', `a process may have ${files} open files; an open segment takes none`),
      Number.isFinite(fileSize)
        ? warning(
            'file-size',
            `no segment can be larger than ${formatBytes(fileSize)}`,
            'Raise it: ulimit -f unlimited',
          )
        : ok('file-size', 'segments may have any size that memory allows'),
    ];
  } catch (error) {
    return [unavailable('limits', messageOf(error))];
  }
}

/** Checks for segments that crashed owners left behind. */
export async function checkStale(hasHelper: boolean): Promise<Check> {
  if (!canList) return unavailable('left-behind', 'this system keeps no list of segments');
  if (!hasHelper) return unavailable('left-behind', 'the helper does not answer');
  try {
    const stale = (await listSegments()).filter(isStale);
    if (stale.length === 0) return ok('left-behind', 'nothing');
    const size = stale.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
    return warning(
      'left-behind',
      `${count(stale.length, 'segment')}, ${formatBytes(size)}`,
      "Remove them: 'shareable gc'. The next program of this user that creates a segment does it too.",
    );
  } catch (error) {
    return problem('left-behind', messageOf(error), 'See the line on the helper.');
  }
}
