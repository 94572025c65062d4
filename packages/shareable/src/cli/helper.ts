/** Runs the helper executable, which knows what is in shared memory, and loads the addon when it is needed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type * as Binding from '../native/binding.js';
import { SharedMemoryError, fromNative } from '../errors.js';
import { checkThatThereIsAMount } from './mount.js';

/** A segment as the helper reports it. */
export interface Segment {
  name: string;
  /** Its file, in decimal. Another segment of the same name differs in device or inode. */
  device: string;
  inode: string;
  /** In bytes. */
  size: number;
  residentBytes: number;
  uid: number;
  mode: number;
  /** Milliseconds since 1970, or null where the system does not record it. */
  createdAt: number | null;
  isTracked: boolean;
  /** Whether a process has it open or mapped, or null where this user may not know. */
  isInUse: boolean | null;
  /** The process that created it, or null where that is not recorded. */
  owner: { pid: number; isAlive: boolean } | null;
  /** The line that created it, or null where its owner did not note that or is gone. */
  origin: string | null;
}

/** What a sweep did. */
export interface Sweep {
  removed: string[];
  kept: { name: string; reason: string }[];
}

/** The helper answers in milliseconds. */
const HELPER_TIMEOUT = 30_000;

/** What the helper reports about itself. */
export interface About {
  version: string;
  /** Null where the system does not tell. */
  residentBytes: number | null;
  /** What limits the memory of this process; null without a limit. */
  memoryLimit: { file: string; bytes: number; left: number } | null;
}

/** Whether segments can be listed on this system at all. */
export const canList = ['linux', 'darwin', 'win32'].includes(process.platform);

/** Whether segments are on a mount of their own. */
export const hasMount = process.platform === 'linux';

/**
 * Loads the addon. It is imported only here and only when needed, so that a command can report what is wrong with it.
 *
 * @throws {SharedMemoryError} `ERR_SHM_ADDON` when it is missing or does not load
 */
export async function loadBinding(): Promise<typeof Binding> {
  return import('../native/binding.js');
}

function failed(path: string, why: string, cause: unknown): SharedMemoryError {
  return new SharedMemoryError(
    `the helper of shareable, ${path}, ${why}. It comes with the addon: install again, and see 'shareable doctor'.`,
    { code: 'ERR_SHM_HELPER', cause },
  );
}

/** Runs the helper in one of its roles. */
async function ask<Answer>(role: string, ...args: string[]): Promise<Answer> {
  const { helperPath } = await loadBinding();
  let stdout;
  try {
    ({ stdout } = await promisify(execFile)(helperPath, [role, ...args], {
      encoding: 'utf8',
      maxBuffer: Number.POSITIVE_INFINITY,
      timeout: HELPER_TIMEOUT,
      windowsHide: true,
    }));
  } catch (cause) {
    const { code, signal } = cause as { code?: unknown; signal?: unknown };
    const end = typeof signal === 'string' ? `ended by ${signal}` : `ended with code ${String(code)}`;
    throw failed(helperPath, typeof code === 'string' ? `cannot be started (${code})` : end, cause);
  }
  try {
    return JSON.parse(stdout) as Answer;
  } catch (cause) {
    throw failed(helperPath, 'gave an answer that cannot be read', cause);
  }
}

/**
 * Checks that the helper starts and answers.
 *
 * @throws {SharedMemoryError} `ERR_SHM_HELPER` when it does not
 */
export async function askAbout(): Promise<About> {
  return ask<About>('about');
}

/**
 * Lists all segments of this machine, oldest first.
 *
 * @throws {SharedMemoryError} `ERR_SHM_UNSUPPORTED` where the system cannot list them, `ERR_SHM_HELPER`, and `ENOENT` when
 *   there is no mount for them
 */
export async function listSegments(): Promise<Segment[]> {
  if (!canList) throw unsupported('its segments cannot be listed');
  const segments = await ask<Segment[]>('list');
  if (segments.length === 0 && hasMount) checkThatThereIsAMount();
  return segments;
}

/** Returns the segment of a name, or undefined if it does not exist or segments cannot be listed. */
export async function findSegment(name: string): Promise<Segment | undefined> {
  return canList ? (await listSegments()).find((segment) => segment.name === name) : undefined;
}

/** Removes segments that crashed owners of this user left behind. */
export async function sweepSegments(): Promise<Sweep> {
  if (!canList) throw unsupported('segments that crashed owners left behind cannot be found');
  return ask<Sweep>('sweep');
}

/**
 * Removes a segment, unless its name belongs to another one by now.
 *
 * @throws {SegmentNotFoundError} `ENOENT` when it is gone, {@link SegmentAccessError} when this user may not
 */
export async function removeSegment({
  name,
  device,
  inode,
}: Pick<Segment, 'name' | 'device' | 'inode'>): Promise<void> {
  const { error } = await ask<{ error: object | null }>('remove', name, device, inode);
  if (error !== null) throw fromNative(error);
}

function unsupported(what: string): SharedMemoryError {
  return new SharedMemoryError(`${process.platform} keeps no list of shared memory, so ${what}. Linux does.`, {
    code: 'ERR_SHM_UNSUPPORTED',
  });
}
