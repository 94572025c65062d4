import { createHmac, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { inspect } from 'node:util';

import { Channel } from '../channel/channel.js';
import type { ChannelOptions } from '../channel/options.js';
import type { Dtype, DtypeViews } from '../array/dtypes.js';
import type { ArrayOrder } from '../array/shape.js';
import { SharedArray } from '../array/shared-array.js';
import type { NativeManager, NativeOutcome } from '../native/binding.js';
import {
  connectManager,
  createManager,
  endManager,
  endManagerLater,
  managerList,
  startManager,
} from '../native/binding.js';
import { checkInternal, internal } from '../construct.js';
import type { Source } from '../diagnostics/channels.js';
import { managerConnect, managerShutdown, managerStart } from '../diagnostics/channels.js';
import type { ManagerMessage } from '../diagnostics/messages.js';
import { asyncDispose, dispose } from '../dispose.js';
import { ManagerClosedError, fromNative, invalidType } from '../errors.js';
import { Barrier } from '../gate/barrier.js';
import { Condition } from '../gate/condition.js';
import type { RwLockOptions } from '../gate/rw-lock.js';
import { RwLock } from '../gate/rw-lock.js';
import { Semaphore } from '../gate/semaphore.js';
import { SharedEvent } from '../gate/shared-event.js';
import { SharedValue } from '../gate/shared-value.js';
import type { SharedValueOptions } from '../gate/value-options.js';
import { Lock } from '../lock/lock.js';
import type { SharedMemoryManagerOptions } from './options.js';
import { checkAddress, checkKey, checkManagerOptions } from './options.js';
import type { CreateOptions } from '../options.js';
import { checkOptions, managed, wrongType } from '../options.js';
import { ShareableList } from '../list/shareable-list.js';
import type { Make, OnceOptions } from '../memory/shared-memory.js';
import { SharedMemory } from '../memory/shared-memory.js';
import type { SizedValue, SlotTypes, SlotValue, Storable, Widened } from '../list/values.js';

export type { SharedMemoryManagerOptions } from './options.js';

/** How to create something through a manager. */
export interface ManagedOptions {
  /** Its name, without a leading slash. Default: a fresh random one. */
  name?: string | undefined;
}

/** What the constructor gets from {@link SharedMemoryManager.start} and {@link SharedMemoryManager.connect}. */
interface Connection {
  native: NativeManager;
  key: Uint8Array;
  role: 'starter' | 'member';
}

/** Started managers. They must not be collected: what they own lives until they end. */
const running = new Set<SharedMemoryManager>();

/** Returns the result of `outcome`, or throws its error. */
async function settle(outcome: Promise<NativeOutcome>): Promise<NativeManager | undefined> {
  const { manager, error } = await outcome;
  if (error !== undefined && error !== null) throw fromNative(error);
  return manager ?? undefined;
}

/**
 * A scope for segments, lists and locks: its end unlinks everything that was created through it. Disposing of one of
 * them only closes it. The manager forgets what is unlinked by hand.
 *
 * `new SharedMemoryManager()` is a scope of this process alone. {@link start} returns one that other processes can
 * {@link connect} to. What they create is unlinked at its end too, whether they are alive or not. A small server process
 * does that. It ignores Ctrl-C. When the process that started it ends, in any way, the server unlinks everything and
 * ends too.
 *
 * @example
 * ```ts
 * await using manager = await SharedMemoryManager.start();
 * const list = manager.shareableList([1, 2, 3]);
 * const child = fork('child.mjs', { serialization: 'advanced' }); // JSON would not keep the key, which is bytes
 * child.send({ address: manager.address, authkey: manager.authkey, list: list.toJSON() });
 * // there: using manager = await SharedMemoryManager.connect(address, authkey)
 * ```
 */
export class SharedMemoryManager implements Disposable, AsyncDisposable {
  /** Where the server listens, for {@link connect}; `null` for a manager of this process alone. */
  readonly address: string | null;

  readonly #native: NativeManager;
  readonly #key: Uint8Array | null;
  /** What the names of {@link once} follow from. */
  readonly #secret: Uint8Array;
  readonly #role: 'alone' | Connection['role'];
  #hasEnded = false;

  /** A manager of this process alone. */
  constructor();
  /** @internal A manager with a server. */
  constructor(key: typeof internal, connection: Connection);
  constructor(...[key, connection]: [] | [typeof internal, Connection]) {
    if (key !== undefined) checkInternal(key, 'SharedMemoryManager.start() or SharedMemoryManager.connect()');
    this.#native = connection?.native ?? createManager();
    this.#key = connection?.key ?? null;
    this.#secret = this.#key ?? randomBytes(32);
    this.#role = connection?.role ?? 'alone';
    this.address = this.#native.address ?? null;
    if (this.#role === 'starter') running.add(this);
    Object.preventExtensions(this);
    this.#announce(this.#role === 'member' ? managerConnect : managerStart);
  }

  /**
   * Starts a server process, to which other processes connect by address and key. It takes some milliseconds.
   *
   * @throws {TypeError} or {RangeError} for an invalid argument, including an empty key, a key of fewer than 16 bytes for
   *   TCP, and a host without `tcp://`
   * @throws {SharedMemoryError} `EADDRINUSE` when something listens at the address, or a file is there that is not an
   *   abandoned socket; other errno names when nothing can listen there; `ERR_SHM_TRACKER` when the server does not start;
   *   `ERR_SHM_UNSUPPORTED` for a Windows pipe elsewhere
   */
  static async start(options?: SharedMemoryManagerOptions): Promise<SharedMemoryManager> {
    const { address, key } = checkManagerOptions(options);
    const native = await settle(startManager(address, key, tmpdir()));
    return new SharedMemoryManager(internal, { native: native as NativeManager, key, role: 'starter' });
  }

  /**
   * Connects to a server that this or another process has started.
   *
   * @throws {TypeError} or {RangeError} for an invalid argument
   * @throws {AuthenticationError} `ERR_SHM_AUTH` when the server has another key
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` when no server listens there, or it closes the connection before it
   *   has seen a proof of the key
   * @throws {SharedMemoryError} `ERR_SHM_VERSION` when the server is of another version, `ETIMEDOUT` when it does not
   *   answer within five seconds, and other errno names
   */
  static async connect(address: string, authkey: Uint8Array | string): Promise<SharedMemoryManager> {
    const where = checkAddress(address);
    const key = checkKey(authkey);
    const native = await settle(connectManager(where, key));
    return new SharedMemoryManager(internal, { native: native as NativeManager, key, role: 'member' });
  }

  /** A copy of the key that others need to {@link connect}; `null` for a manager of this process alone. Never printed. */
  get authkey(): Uint8Array | null {
    return this.#key === null ? null : Uint8Array.from(this.#key);
  }

  /**
   * Creates a segment of zeros that the manager unlinks. Its `isOwner` is false: disposing of it only closes it.
   *
   * @param size in bytes, 1 to 2^53 - 1
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of
   *   {@link SharedMemory.create}
   */
  sharedMemory(size: number, options?: ManagedOptions): SharedMemory {
    return SharedMemory.create(size, this.#options(options));
  }

  /**
   * As {@link SharedMemory.once}, within this manager: of all processes that are connected to it, exactly one at a time makes
   * the segment of this key, and the manager unlinks it at its end. Keys of other managers are other segments.
   *
   * @param key any well-formed text; the segment's name follows from it and from the manager's key
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; what else {@link SharedMemory.once} throws
   */
  async once(key: string, make: Make, options?: Omit<OnceOptions, 'track'>): Promise<SharedMemory> {
    if (typeof key !== 'string') throw wrongType('key', 'a string', key);
    // UTF-8 would write all of them as the same character, and two keys would be one.
    if (!key.isWellFormed()) {
      throw invalidType('ERR_INVALID_ARG_VALUE', `key ${inspect(key)} contains a lone surrogate`);
    }
    return SharedMemory.once(this.#nameOf(key), make, this.#own(options));
  }

  /** The name of the segment of a key: the same for all processes that have this manager, and for nobody else. */
  #nameOf(key: string): string {
    const hash = createHmac('sha256', this.#secret)
      .update(`once\0${this.address ?? ''}\0${key}`)
      .digest('hex');
    return `psm_${hash.slice(0, 24)}`;
  }

  /**
   * Creates a list that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of
   *   {@link ShareableList.create}
   */
  shareableList<V extends readonly SlotValue[] | []>(
    values: V,
    options?: ManagedOptions,
  ): ShareableList<SlotTypes<V>[number], SlotTypes<V>>;
  shareableList<T extends Storable>(
    values: Iterable<T | SizedValue<T>>,
    options?: ManagedOptions,
  ): ShareableList<Widened<T>>;
  shareableList(values: Iterable<SlotValue>, options?: ManagedOptions): ShareableList {
    return ShareableList.create(values as Iterable<Storable>, this.#options(options));
  }

  /**
   * Creates an array of zeros that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; what else {@link SharedArray.create}
   *   throws
   */
  array<D extends Dtype>(
    shape: readonly number[],
    dtype: D,
    options?: { order?: ArrayOrder | undefined; name?: string | undefined },
  ): SharedArray<DtypeViews[D]> {
    return SharedArray.create(shape, dtype, this.#own(options));
  }

  /**
   * Creates a channel that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; what else {@link Channel.create} throws
   */
  channel<T extends {} | null>(options?: Omit<ChannelOptions<T>, 'track'>): Channel<T> {
    return Channel.create<T>(this.#own(options));
  }

  /**
   * Creates a lock that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of {@link Lock.create}
   */
  lock(options?: ManagedOptions): Lock {
    return Lock.create(this.#options(options));
  }

  /**
   * Creates a shared value that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  sharedValue<T>(value: T, options?: Omit<SharedValueOptions<T>, 'track'>): SharedValue<T> {
    return SharedValue.create(value, this.#own(options));
  }

  /**
   * Creates a semaphore that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  semaphore(permits: number, options?: ManagedOptions): Semaphore {
    return Semaphore.create(permits, this.#options(options));
  }

  /**
   * Creates an event that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  sharedEvent(options?: ManagedOptions): SharedEvent {
    return SharedEvent.create(this.#options(options));
  }

  /**
   * Creates a readers-writer lock that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  rwLock(options?: Pick<RwLockOptions, 'name' | 'readers'>): RwLock {
    return RwLock.create(this.#own(options));
  }

  /**
   * Creates a barrier that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  barrier(parties: number, options?: ManagedOptions): Barrier {
    return Barrier.create(parties, this.#options(options));
  }

  /**
   * Creates a condition that the manager unlinks.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end; and the errors of `create`
   */
  condition(options?: ManagedOptions): Condition {
    return Condition.create(this.#options(options));
  }

  /**
   * Returns the names of the segments, lists and locks that any process has created through the manager and that are not
   * unlinked.
   *
   * @throws {ManagerClosedError} `ERR_SHM_MANAGER_CLOSED` after the manager's end
   */
  list(): string[] {
    this.#check();
    return managerList(this.#native.handle);
  }

  /**
   * Ends the manager: unlinks everything that was created through it, and ends its server, if there is one. For a manager
   * from {@link connect}, it ends only the connection: what was created through it stays until the manager ends.
   * Idempotent. What is open in this process stays usable until it is closed.
   *
   * @throws {SegmentAccessError} for a manager of this process alone, when the system does not allow it to unlink something
   */
  async shutdown(): Promise<void> {
    this.#startEnd();
    await settle(endManagerLater(this.#native.handle));
  }

  /** Does the same as {@link shutdown}, synchronously. */
  [dispose](): void {
    this.#startEnd();
    endManager(this.#native.handle);
  }

  /** Does the same as {@link shutdown}. */
  async [asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Returns the class and the address, without the key. */
  toJSON(): { type: 'SharedMemoryManager'; address: string | null } {
    return { type: 'SharedMemoryManager', address: this.address };
  }

  /** Returns the class and the address, without the key. */
  toString(): string {
    const where = this.address === null ? '' : `'${this.address}'${this.#role === 'member' ? ', connected' : ''}`;
    return `SharedMemoryManager(${[where, this.#hasEnded ? 'ended' : ''].filter((part) => part !== '').join(', ')})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  #startEnd(): void {
    if (!this.#hasEnded) this.#announce(managerShutdown);
    this.#hasEnded = true;
    running.delete(this);
  }

  #announce(source: Source<ManagerMessage>): void {
    if (source.hasSubscribers) source.publish({ address: this.address, role: this.#role });
  }

  #check(): void {
    if (this.#hasEnded) {
      throw new ManagerClosedError(
        this.#role === 'member'
          ? 'this connection to the manager was ended here'
          : 'the manager was shut down: what was created through it is unlinked',
        { code: 'ERR_SHM_MANAGER_CLOSED' },
      );
    }
  }

  /** Returns the options of something that has only a name, for `#own`. */
  #options(given?: ManagedOptions): CreateOptions {
    const { name } = checkOptions(given, ['name']);
    return this.#own(name === undefined ? {} : { name });
  }

  /** Returns options that make this manager the owner of what is created. What it owns is always tracked. */
  #own<Options extends object>(given?: Options): Options & { [managed]: number } {
    this.#check();
    if (given !== undefined && (typeof given !== 'object' || given === null))
      throw wrongType('options', 'an object', given);
    if (given !== undefined && 'track' in given && given.track !== undefined) {
      throw invalidType('ERR_INVALID_ARG_VALUE', "unknown option 'track': a manager owns all that it creates");
    }
    return { ...(given as Options), [managed]: this.#native.id };
  }
}
