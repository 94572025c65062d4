/** The errors of locks. */
import { LockAbortedError, LockTimeoutError, SharedMemoryError } from '../errors.js';

/** Makes the error for a lock that was not free in time. */
export function timedOut(segment: string, timeout: number): LockTimeoutError {
  const message =
    timeout === 0
      ? `lock '${segment}' is held by another process or thread`
      : `lock '${segment}' was not free within ${timeout} ms: its holder is alive and has not released it`;
  return new LockTimeoutError(message, { code: 'ETIMEDOUT', segment });
}

/** Makes the error for a wait that a signal ended. */
export function aborted(segment: string, signal: AbortSignal): LockAbortedError {
  return new LockAbortedError(`the wait for lock '${segment}' was aborted`, {
    code: 'ABORT_ERR',
    segment,
    cause: signal.reason,
  });
}

/** Makes the error for something that a thread must not do with a lock that it holds. */
export function heldHere(segment: string, what: string): SharedMemoryError {
  return new SharedMemoryError(`lock '${segment}' is held by this thread: ${what}`, {
    code: 'ERR_SHM_LOCK_HELD',
    segment,
  });
}
