import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';

/** Makes a guard; for the package's own use. */
export let makeGuard: (lock: Releasable, recovered: boolean) => LockGuard;

/** What a guard releases; for the package's own use. */
export interface Releasable {
  /** Releases the lock. */
  release(): void;
}

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
   * all processes.
   */
  readonly recovered: boolean;

  #lock: Releasable | undefined;

  static {
    makeGuard = (lock, recovered) => new LockGuard(internal, lock, recovered);
  }

  private constructor(key: typeof internal, lock: Releasable, recovered: boolean) {
    checkInternal(key, 'lock.acquire(), lock.acquireAsync() or lock.tryAcquire()');
    this.#lock = lock;
    this.recovered = recovered;
  }

  /**
   * Releases the lock at once. The next holder sees everything that this thread wrote before. Idempotent; never throws.
   * Does nothing if the lock is lost, for example because its segment was truncated.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) return;
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
