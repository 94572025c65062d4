import { checkInternal, internal } from '../construct.js';

/** Makes a guard; for the package's own use. */
export let makeGuard: (lock: Releasable, recovered: boolean) => LockGuard;

/** What a guard stands for; for the package's own use. */
export interface Releasable {
  /** Releases the lock, which the guard has until then. */
  release(): void;
}

/**
 * A lock that this thread holds, from `acquire` until {@link release} or the end of the `using` scope.
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
   * Whether the last holder died inside: its process was killed, exited or threw, or its worker was terminated, before it
   * released. What the lock guards may be half done; check it before trusting it. Exactly the next holder is told, of
   * all processes.
   */
  readonly recovered: boolean;

  #lock: Releasable | undefined;

  static {
    makeGuard = (lock, recovered) => new LockGuard(internal, lock, recovered);
  }

  private constructor(key: typeof internal, lock: Releasable, recovered: boolean) {
    checkInternal(key, 'Lock.acquire()');
    this.#lock = lock;
    this.recovered = recovered;
  }

  /**
   * Lets others have the lock, at once; whatever this thread wrote before is visible to the next holder. Idempotent, never
   * throws, and does nothing where the lock is lost, for instance because its segment was truncated.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) return;
    this.#lock = undefined;
    lock.release();
  }

  /** As {@link release}. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** As {@link release}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}
