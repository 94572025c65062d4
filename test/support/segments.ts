/** Names for segments, and checks of which segments exist. For tests and fixtures. */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { SegmentNotFoundError, SharedMemory } from 'shareable';

import { platform } from './platform.ts';

/** Where the system keeps segments: Linux in a mount, Windows in the files behind them. */
export const SHM: string =
  process.platform === 'win32' ? join(process.env['LOCALAPPDATA'] ?? '', 'shareable', 'segments') : '/dev/shm';

/** On Windows, a file has the name of its segment and a tilde with seven more characters. */
const SEAL = process.platform === 'win32' ? 8 : 0;

/** On Windows, a file is longer than its pages by the number of bytes that the segment does not use in the last one. */
const PAGE = 4096;

const PREFIX = 'SHAREABLE_TEST_PREFIX';
let made = 0;

/** Sets the prefix of a test file's names. Its children use the same prefix, which marks the segments of this file. */
export function startNames(): void {
  process.env[PREFIX] = `t${process.pid.toString(36)}${Math.random().toString(36).slice(2, 6)}_`;
}

/** Whether this test file, or a child of it, has made up `name`. */
export function isOurs(name: string): boolean {
  return name.startsWith(process.env[PREFIX] ?? '/');
}

/** Returns an unused name of at most 30 characters, the limit of macOS. */
export function freshName(): string {
  made += 1;
  return `${process.env[PREFIX]}${process.pid.toString(36)}_${made.toString(36)}`;
}

/** The file behind a segment. Needs `platform.hasSegmentFiles`. */
export function pathOf(name: string): string {
  if (!platform.hasSegmentFiles) throw new Error('this platform keeps segments in the kernel');
  if (SEAL === 0) return join(SHM, name);
  const file = files().find((one) => one.slice(0, -SEAL) === name);
  return join(SHM, file ?? `${name}~missing`);
}

function files(): string[] {
  return existsSync(SHM) ? readdirSync(SHM) : [];
}

/** Whether a segment, or anything else, has this name. */
export function exists(name: string): boolean {
  if (platform.hasSegmentFiles && existsSync(pathOf(name))) return true;
  // On Windows, CPython's have no files.
  if (platform.hasShmFolder) return false;
  try {
    SharedMemory.attach(name, { allowForeign: true }).close();
    return true;
  } catch (error) {
    return !(error instanceof SegmentNotFoundError);
  }
}

/** Removes a segment that a test has left behind. */
export function remove(name: string): void {
  if (platform.hasSegmentFiles) return rmSync(pathOf(name), { recursive: true });
  // It may be damaged, so that it cannot be attached to.
  if (platform.simulatesMac) return rmSync(join(SHM, name));
  using segment = SharedMemory.attach(name);
  segment.unlink();
}

/** Returns all names in shared memory. */
export function namesInUse(): string[] {
  return files().map((file) => file.slice(0, file.length - SEAL));
}

/** Returns the bytes of a segment, read from its file where there is one. */
export function bytesOf(name: string): Buffer {
  if (!platform.hasSegmentFiles) {
    using segment = SharedMemory.attach(name);
    return Buffer.from(segment.buf);
  }
  const bytes = readFileSync(pathOf(name));
  return SEAL === 0 ? bytes : bytes.subarray(0, bytes.length - 2 * (bytes.length % PAGE));
}
