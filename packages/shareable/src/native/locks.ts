/** Calls the addon to take and to release locks. Written out for the reason given in `segments.ts`. */
import { addon } from './addon.js';
import { fromNative } from '../errors.js';
import type { NativeLock } from './native.js';
import { at, latest } from './told.js';

type Handle = NativeLock['handle'];

// Finding a function among those of the addon would take as long as the call.
const { lockTry: tryLock, lockAcquire: acquire, lockContinue: proceed, lockRelease: release } = addon;

/** What {@link lockAcquire} returns when another participant has the lock, and there is time left to wait. */
const AGAIN = -2;

/**
 * Takes the lock if it is free. Returns 0, or 1 when its last holder died while it held it; -1 when another participant has
 * it.
 */
export function lockTry(lock: Handle): number {
  try {
    return tryLock(lock);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** The same, blocking until the lock is free or `timeout` milliseconds have passed. A thread can be terminated meanwhile. */
export function lockAcquire(lock: Handle, timeout: number): number {
  latest[at.timeout] = timeout;
  try {
    let taken = acquire(lock);
    while (taken === AGAIN) taken = proceed(lock);
    return taken;
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Releases the lock. Returns `false` when it was no longer held. */
export function lockRelease(lock: Handle): boolean {
  try {
    return release(lock);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}
