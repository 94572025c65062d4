/**
 * Where a segment is created, for the warning about one that was left behind. `SHAREABLE_CALL_SITE=off` saves the few
 * microseconds that it takes.
 */
const isOff = process.env['SHAREABLE_CALL_SITE'] === 'off';

/** The package's own files, whose frames do not count. */
const own = import.meta.url.slice(0, import.meta.url.lastIndexOf('/') + 1);

/** Frames that are looked at: our own come first, and the caller's is right behind them. */
const DEPTH = 6;

/** The file, line and column of the call into this package; empty when it is not known. */
export function callSite(): string {
  if (isOff) return '';
  const stack = capture();
  // A program may have its own Error.prepareStackTrace, which makes anything of it.
  if (typeof stack !== 'string') return '';
  const frame = stack.split('\n').find((line) => line.startsWith('    at ') && !line.includes(own) && hasPlace(line));
  return frame === undefined ? '' : (/\((.*)\)$/.exec(frame)?.[1] ?? frame.slice('    at '.length));
}

/** Whether a frame is in a file, and none of the engine's own such as `at Array.map (<anonymous>)`. */
function hasPlace(line: string): boolean {
  return !line.endsWith('(<anonymous>)');
}

/** The stack above {@link callSite}; `undefined` where the program keeps it from being had. */
function capture(): unknown {
  const { stackTraceLimit } = Error;
  // An assignment would throw under --frozen-intrinsics.
  Reflect.set(Error, 'stackTraceLimit', DEPTH);
  try {
    const trace: { stack?: unknown } = {};
    Error.captureStackTrace(trace, callSite);
    return trace.stack;
  } catch {
    return undefined;
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
