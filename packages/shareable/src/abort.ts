/** Signals that end a wait. */

/**
 * Calls `abort` when the signal is aborted: at once if it is by now, because code of the program may have run since it was
 * checked (a getter of a value, a subscriber). Returns a function that stops this.
 */
export function onAbort(signal: AbortSignal | undefined, abort: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
