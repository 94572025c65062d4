import { sep } from 'node:path';
import { pathToFileURL } from 'node:url';

import { ownPackage } from './own-file.js';

/**
 * Finds the line that creates a segment, for the warning about segments that were left behind and for `shareable ls`. That
 * takes some microseconds, so a thread does it for its first segments, and after that for a small part of its time.
 * `SHAREABLE_CALL_SITE=all` does it for each segment, and `SHAREABLE_CALL_SITE=off` for none.
 */
const setting = process.env['SHAREABLE_CALL_SITE'];

/** The number of segments before the limit on the rate. A program that leaks in a loop shows the line in its first ones. */
const FIRST = 32;

/** The least and the most milliseconds between two places after that. */
const PAUSES = [1, 100] as const;

/** The part of a thread's time that finding places may take after the first ones. It takes longer in optimized code. */
const SHARE = 0.01;

let count = 0;
let last = 0;
let pause: number = PAUSES[0];

/** Whether it is time to find another place. */
function isDue(): boolean {
  if (setting === 'off') return false;
  if (setting === 'all') return true;
  if (count < FIRST) {
    count += 1;
    return true;
  }
  const now = performance.now();
  // A program may replace the clock, also by one that goes back.
  if (Math.abs(now - last) < pause) return false;
  last = now;
  return true;
}

/**
 * How files of the package show in a stack: its compiled files, and its sources where source maps are in use. Frames in them
 * are not the caller's. In a bundle, the package's code and the caller's are in the same file.
 */
const own = (ownPackage === undefined ? [] : ['dist', 'src'])
  .map((folder) => `${ownPackage}${sep}${folder}${sep}`)
  .flatMap((folder) => [folder, pathToFileURL(folder).href]);

/** The number of frames to search when the first one above the method belongs to the package or to the engine. */
const DEPTH = 6;

/** Returns the file, line and column of the call to `method` of this package, or an empty string. */
export function callSite(method: (...args: never[]) => unknown): string {
  // Each further frame costs as much as the rest together.
  if (!isDue()) return '';
  const site = search(method);
  // After the first ones, the clock was read before.
  if (last !== 0) pause = Math.min(Math.max(PAUSES[0], (performance.now() - last) / SHARE), PAUSES[1]);
  return site;
}

function search(method: (...args: never[]) => unknown): string {
  const site = find(1, method);
  if (site !== undefined || ownPackage === undefined) return site ?? '';
  return find(DEPTH, callSite) ?? '';
}

/** Finds the first frame of a caller among the `depth` frames above a function. */
function find(depth: number, above: (...args: never[]) => unknown): string | undefined {
  const stack = capture(depth, above);
  // A program's own Error.prepareStackTrace can return anything.
  if (typeof stack !== 'string') return undefined;
  const isOwn = (line: string) => own.some((folder) => line.includes(folder));
  const frame = stack.split('\n').find((line) => line.startsWith('    at ') && !isOwn(line) && hasPlace(line));
  return frame === undefined ? undefined : (/\((.*)\)$/.exec(frame)?.[1] ?? frame.slice('    at '.length));
}

/** Whether a frame is in a file, unlike frames of the engine such as `at Array.map (<anonymous>)`. */
function hasPlace(line: string): boolean {
  return !line.endsWith('(<anonymous>)');
}

/** Returns the stack above a function, or `undefined` where the program prevents that. */
function capture(depth: number, above: (...args: never[]) => unknown): unknown {
  const { stackTraceLimit } = Error;
  // An assignment would throw under --frozen-intrinsics.
  Reflect.set(Error, 'stackTraceLimit', depth);
  try {
    const trace: { stack?: unknown } = {};
    Error.captureStackTrace(trace, above);
    return trace.stack;
  } catch {
    return undefined;
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
