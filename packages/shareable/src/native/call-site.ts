import { fileURLToPath } from 'node:url';

/**
 * Where a segment is created, for the warning about one that was left behind. `SHAREABLE_CALL_SITE=off` saves the few
 * microseconds that it takes.
 */
const isOff = process.env['SHAREABLE_CALL_SITE'] === 'off';

/** The package's own files, whose frames do not count. */
const own = import.meta.url.slice(0, import.meta.url.lastIndexOf('/') + 1);

/** The same as a path, which is what Bun and source maps put in a stack. */
const ownPath = fileURLToPath(own);

/** Frames that are looked at when the first above the method is not the caller's: the package's own, or the engine's. */
const DEPTH = 6;

/** The file, line and column of the call to `method` of this package; empty when it is not known. */
export function callSite(method: (...args: never[]) => unknown): string {
  // Each frame costs as much as all the rest.
  return isOff ? '' : (find(1, method) ?? find(DEPTH, callSite) ?? '');
}

/** The first frame of a caller among `depth` above a function. */
function find(depth: number, above: (...args: never[]) => unknown): string | undefined {
  const stack = capture(depth, above);
  // A program may have its own Error.prepareStackTrace, which makes anything of it.
  if (typeof stack !== 'string') return undefined;
  const isOwn = (line: string) => line.includes(own) || line.includes(ownPath);
  const frame = stack.split('\n').find((line) => line.startsWith('    at ') && !isOwn(line) && hasPlace(line));
  return frame === undefined ? undefined : (/\((.*)\)$/.exec(frame)?.[1] ?? frame.slice('    at '.length));
}

/** Whether a frame is in a file, and none of the engine's own such as `at Array.map (<anonymous>)`. */
function hasPlace(line: string): boolean {
  return !line.endsWith('(<anonymous>)');
}

/** The stack above a function; `undefined` where the program keeps it from being had. */
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
