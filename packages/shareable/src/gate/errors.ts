/** The errors of semaphores, events, readers-writer locks, barriers, conditions and shared values. */
import {
  BrokenBarrierError,
  LockAbortedError,
  LockTimeoutError,
  SharedMemoryError,
  WaitAbortedError,
  WaitTimeoutError,
} from '../errors.js';
import type { Gate, WaitErrors } from './gate.js';

/** The errors of waiting to hold something; `what` was not free. */
export function lockErrors({ noun, name }: Gate, what: string, timeout: number): WaitErrors {
  return {
    timedOut() {
      const message =
        timeout === 0
          ? `${noun} '${name}' has ${what} now`
          : `${noun} '${name}' had ${what} within ${timeout} ms: its holders are alive and have not released it`;
      return new LockTimeoutError(message, { code: 'ETIMEDOUT', segment: name });
    },
    aborted: (signal) =>
      new LockAbortedError(`the wait for ${noun} '${name}' was aborted`, {
        code: 'ABORT_ERR',
        segment: name,
        cause: signal.reason,
      }),
  };
}

/** The errors of waiting for something to happen, which has not. */
export function waitErrors({ noun, name }: Gate, what: string, timeout: number): WaitErrors {
  return {
    timedOut: () =>
      new WaitTimeoutError(`${noun} '${name}' ${what} within ${timeout} ms`, { code: 'ETIMEDOUT', segment: name }),
    aborted: (signal) =>
      new WaitAbortedError(`the wait for ${noun} '${name}' was aborted`, {
        code: 'ABORT_ERR',
        segment: name,
        cause: signal.reason,
      }),
  };
}

/** The error for a wait that could never end. */
export function heldBySelf({ noun, name }: Gate, what: string): SharedMemoryError {
  return new SharedMemoryError(`${noun} '${name}' is held by this thread: ${what}`, {
    code: 'ERR_SHM_LOCK_HELD',
    segment: name,
  });
}

/** The error for a broken barrier. */
export function broken(name: string): BrokenBarrierError {
  const message = `barrier '${name}' is broken: a party died, gave up, or called abort(), reset() or close(); call reset() to use it again`;
  return new BrokenBarrierError(message, { code: 'ERR_SHM_BARRIER_BROKEN', segment: name });
}
