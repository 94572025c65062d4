import { inspect } from 'node:util';

import { checkInternal, internal } from '../construct.js';
import { asyncDispose, dispose } from '../dispose.js';
import type { LockGuard } from '../lock/guard.js';
import { gateLayout } from '../native/binding.js';
import type { CreateOptions, Handle } from '../options.js';
import { checkCreateOptions, checkInteger, checkName, checkNamelessOptions, checkOptions } from '../options.js';
import { heldBySelf } from './errors.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import { Gate, READ, WRITE } from './gate.js';
import { Holding } from './holding.js';
import type { Timeout, Wait } from './wait.js';

/** What {@link RwLock.toJSON} gives and {@link RwLock.attach} takes back. */
export type RwLockHandle = Handle<'RwLock'>;

/** How to create a readers-writer lock. */
export interface RwLockOptions extends CreateOptions {
  /** How many can read at once, 1 to 2^31 - 1; more wait. Default: no limit. */
  readers?: number | undefined;
}

const MAX_READERS = 2 ** 31 - 1;

function split(options: RwLockOptions | undefined): { readers: number; rest: CreateOptions } {
  checkOptions(options, ['name', 'track', 'mode', 'exactMode', 'sparse', 'readers']);
  const { readers = MAX_READERS, ...rest } = options ?? {};
  return { readers: checkInteger('option readers', readers, 1, MAX_READERS), rest };
}

/**
 * Lets any number of readers in at once, or one writer, across processes and threads.
 *
 * Writers go first: while a writer waits, new readers wait too. A reader that dies is forgotten. When a writer dies,
 * {@link LockGuard.recovered} is set for the readers that follow and for the next writer, because what it wrote may be half
 * done. A holder that is stopped keeps the lock.
 *
 * Not re-entrant, and a reader cannot become a writer: it would wait for itself.
 *
 * @example
 * ```ts
 * using lock = RwLock.create();
 * child.send(lock.toJSON()); // there: RwLock.attach(handle)
 * {
 *   using guard = lock.read();
 *   render(table);
 * }
 * ```
 */
export class RwLock implements Disposable, AsyncDisposable {
  /** With {@link name}, what makes a structured clone of it a handle: `worker.postMessage(lock)` sends one. */
  readonly type = 'RwLock';
  /** The name of its segment. */
  readonly name: string;

  readonly #gate: Gate;
  readonly #reading: Holding;
  readonly #writing: Holding;

  private constructor(key: typeof internal, gate: Gate) {
    checkInternal(key, 'RwLock.create() or RwLock.attach()');
    this.name = gate.name;
    this.#gate = gate;
    this.#reading = new Holding(gate, READ, 'a writer or too many readers', ({ shared, written }) => {
      if (written > 0) throw heldBySelf(gate, 'it has the write lock, so the wait would never end');
      if (shared >= gate.native.limit) throw heldBySelf(gate, 'it has all read locks, so the wait would never end');
    });
    this.#writing = new Holding(gate, WRITE, 'readers or a writer', ({ shared, written }) => {
      if (shared + written > 0) throw heldBySelf(gate, 'release what it holds before write()');
    });
    Object.preventExtensions(this);
  }

  static #over(gate: Gate): RwLock {
    return Gate.over(gate, () => new RwLock(internal, gate));
  }

  /**
   * Creates a lock that is free, in a small segment of its own.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system does not accept
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; each lock uses one
   */
  static create(options?: RwLockOptions): RwLock {
    const { readers, rest } = split(options);
    return RwLock.#over(Gate.create('RwLock', checkCreateOptions(rest, RwLock.create), readers));
  }

  /**
   * Opens an existing lock by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when its mode or owner does not allow it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a readers-writer lock
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach(target: string | RwLockHandle, options?: PrimitiveAttachOptions): RwLock {
    return RwLock.#over(Gate.attach('RwLock', target, options));
  }

  /**
   * Opens the lock called `name`, or creates it, without a race between the two.
   *
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach(name: string, options?: Omit<RwLockOptions, 'name'>): RwLock {
    const { readers, rest } = split(options);
    const checked = checkNamelessOptions(rest, RwLock.createOrAttach);
    return RwLock.#over(Gate.create('RwLock', checked, readers, checkName(name)));
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#gate.isClosed;
  }

  /**
   * Acquires the lock for reading, with other readers. Blocks this thread, with its event loop, while a writer has the lock
   * or waits for it. In a worker, `terminate()` ends the wait within 50 ms.
   *
   * @throws {LockTimeoutError} `ETIMEDOUT` when that was not possible within the time-out
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance has the write lock, or all read locks; without a
   *   time-out, also when other instances of this thread have them; `ERR_SHM_TRUNCATED` when another process has truncated the segment; `ERR_SHM_SYSTEM` when a process that is stopped keeps it for seconds
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a time-out that is negative or not finite
   */
  read(options?: Timeout): LockGuard {
    return this.#reading.acquire(options);
  }

  /**
   * Acquires the lock for reading if no writer has it or waits for it. Never waits for other holders.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  tryRead(): LockGuard | null {
    return this.#reading.tryAcquire();
  }

  /**
   * Acquires the lock for reading without blocking the event loop. The tasks of one instance get it in the order in which
   * they asked. The process stays alive while any task waits.
   *
   * What {@link read} throws, the promise rejects with, apart from `ERR_SHM_LOCK_HELD`; also:
   *
   * @throws {LockAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the `cause`
   */
  async readAsync(options?: Wait): Promise<LockGuard> {
    return this.#reading.acquireAsync(options);
  }

  /**
   * Acquires the lock for writing, alone. Blocks this thread as {@link read} does.
   *
   * @throws what {@link read} throws; `ERR_SHM_LOCK_HELD` also when this instance reads; without a time-out, also
   *   when another instance of this thread does
   */
  write(options?: Timeout): LockGuard {
    return this.#writing.acquire(options);
  }

  /**
   * Acquires the lock for writing if it is free. Never waits for other holders.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  tryWrite(): LockGuard | null {
    return this.#writing.tryAcquire();
  }

  /**
   * Acquires the lock for writing without blocking the event loop, as {@link readAsync} does.
   *
   * @throws what {@link readAsync} throws
   */
  async writeAsync(options?: Wait): Promise<LockGuard> {
    return this.#writing.acquireAsync(options);
  }

  /**
   * Closes the lock in this process. Pending promises reject. Idempotent.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds it; it stays open then
   */
  close(): void {
    this.#gate.close();
  }

  /**
   * Removes the name of the segment at once: no process can attach any more. Existing attachments keep working.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when a process has unlinked it before
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user is not allowed to
   */
  unlink(): void {
    this.#gate.unlink();
  }

  /** Returns a small plain object that names the lock, for {@link attach} in another process or thread. */
  toJSON(): RwLockHandle {
    return { type: 'RwLock', name: this.name };
  }

  toString(): string {
    return this.#gate.describe(() => {
      if (this.#gate.word(gateLayout.writer) !== 0) return ', written';
      const readers = this.#gate.word(gateLayout.taken);
      return readers > 0 ? `, ${readers} read` : ', free';
    });
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /**
   * Closes. The owner also unlinks, without an error if that was done before.
   *
   * @throws {SharedMemoryError} `ERR_SHM_LOCK_HELD` when this instance holds it; nothing is closed or unlinked then
   */
  [dispose](): void {
    this.#gate.dispose();
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }
}
