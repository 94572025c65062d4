import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import { invalidType } from '../errors.js';
import { wrongType } from '../options.js';

/** Makes a guard; for the package's own use. */
export let makeGuard: (lock: Releasable, recovered: boolean) => LockGuard;

/** What a guard releases; for the package's own use. */
export interface Releasable {
  /** Releases the lock. */
  release(): void;
  /** Acquires the lock again, if a condition can be used with it. Returns whether its last holder died. */
  readonly acquire?: (() => boolean) | undefined;
  readonly acquireAsync?: (() => Promise<boolean>) | undefined;
}

/** The guards that hold nothing while they wait for a condition, and whether they were released meanwhile. */
const suspended = new WeakMap<LockGuard, { readonly lock: Releasable; isReleased: boolean }>();

/** Checks that a guard holds a lock that a condition can be used with; for the package's own use. */
export let checkHeld: (guard: LockGuard) => void;
/** Releases the lock for a while. */
export let suspend: (guard: LockGuard) => void;
/** Acquires the lock again. If the guard was released meanwhile, releases it at once. */
export let resume: (guard: LockGuard) => void;
/** As {@link resume}, without blocking. */
export let resumeAsync: (guard: LockGuard) => Promise<void>;

/**
 * Holds a lock for this thread, from `acquire` until {@link release} or the end of the `using` scope.
 *
 * @example
 * ```ts
 * {
 *   using guard = lock.acquire();
 *   if (guard.recovered) repair(list);
 *   list.set(0, list.get(0) + list.get(1));
 * } // released here, however the scope is left
 * ```
 */
export class LockGuard implements Disposable, AsyncDisposable {
  /**
   * Whether the last holder died while it held the lock: its process was killed, exited or threw, or its worker was
   * terminated. The protected data may be half changed, so check it first. Exactly one holder is told, the next one of
   * all processes. {@link Condition.wait} renews it.
   */
  get recovered(): boolean {
    return this.#recovered;
  }

  #lock: Releasable | undefined;
  #recovered: boolean;

  static {
    makeGuard = (lock, recovered) => new LockGuard(internal, lock, recovered);
    checkHeld = (guard) => void LockGuard.#heldBy(guard);
    suspend = (guard) => {
      const lock = LockGuard.#heldBy(guard);
      suspended.set(guard, { lock, isReleased: false });
      guard.#lock = undefined;
      lock.release();
    };
    resume = (guard) => {
      const lock = suspended.get(guard)?.lock;
      if (lock?.acquire === undefined) return;
      try {
        guard.#resume(lock, lock.acquire());
      } finally {
        suspended.delete(guard);
      }
    };
    resumeAsync = async (guard) => {
      const lock = suspended.get(guard)?.lock;
      if (lock?.acquireAsync === undefined) return;
      try {
        guard.#resume(lock, await lock.acquireAsync());
      } finally {
        suspended.delete(guard);
      }
    };
  }

  static #heldBy(guard: LockGuard): Releasable {
    if (typeof guard !== 'object' || guard === null || !(#lock in guard)) {
      throw wrongType('guard', 'the guard of a Lock', guard);
    }
    const lock = guard.#lock;
    if (lock?.acquire !== undefined) return lock;
    const why = lock === undefined ? 'it was released' : 'it is not the guard of a Lock';
    throw invalidType('ERR_INVALID_ARG_VALUE', `the guard does not hold a lock: ${why}`);
  }

  #resume(lock: Releasable, recovered: boolean): void {
    if (suspended.get(this)?.isReleased === true) return lock.release();
    this.#lock = lock;
    this.#recovered = recovered;
  }

  private constructor(key: typeof internal, lock: Releasable, recovered: boolean) {
    checkInternal(key, 'lock.acquire(), lock.acquireAsync() or lock.tryAcquire()');
    this.#lock = lock;
    this.#recovered = recovered;
  }

  /**
   * Releases the lock at once. The next holder sees everything that this thread wrote before. Idempotent; never throws.
   * Does nothing if the lock is lost, for example because its segment was truncated.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) {
      const wait = suspended.get(this);
      if (wait !== undefined) wait.isReleased = true;
      return;
    }
    this.#lock = undefined;
    lock.release();
  }

  /** As {@link release}. */
  [dispose](): void {
    this.release();
  }

  /** As {@link release}. */
  async [asyncDispose](): Promise<void> {
    this.release();
  }
}
