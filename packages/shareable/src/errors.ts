/**
 * Every error class of the library, and the one place that turns native errors into these classes.
 *
 * A `code` that is an errno name (`ENOENT`) comes from the operating system; one that begins with `ERR_SHM_` comes
 * from this library. Wrong arguments are plain `TypeError`s and `RangeError`s with the codes that Node itself uses.
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

import type { NativeError, NativeErrorKind, NativeRemedy } from './native/native.js';

/** The facts of an error beside its message. */
export interface SharedMemoryErrorDetails {
  /** A short, stable name to compare with. */
  code: string;
  /** The system call that failed. */
  syscall?: string | undefined;
  /** The name of the segment concerned. */
  segment?: string | undefined;
  /** The error behind this one. */
  cause?: unknown;
}

/** The parent of all errors except those about arguments. `docs/errors.md` lists every code with cause and remedy. */
export class SharedMemoryError extends Error {
  /** A short, stable name to compare with: an errno name, or `ERR_SHM_*`. */
  readonly code: string;
  /** The system call that failed, if one did. */
  readonly syscall: string | undefined;
  /** The name of the segment concerned. */
  readonly segment: string | undefined;

  constructor(message: string, details: SharedMemoryErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.syscall = details.syscall;
    this.segment = details.segment;
  }

  static {
    setName(this, 'SharedMemoryError');
  }
}

/**
 * Names an error class as the built-in ones are named: on the prototype, so that it is not printed as a property, and by
 * a literal, because minifiers rename classes.
 */
function setName(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true });
}

/** No segment has this name (`ENOENT`): it was never created, or a process has unlinked it. */
export class SegmentNotFoundError extends SharedMemoryError {
  static {
    setName(this, 'SegmentNotFoundError');
  }
}

/** A segment of this name exists already (`EEXIST`). */
export class SegmentExistsError extends SharedMemoryError {
  static {
    setName(this, 'SegmentExistsError');
  }
}

/** The mode, the owner or a read-only attachment does not allow it (`EACCES`, `EPERM`). */
export class SegmentAccessError extends SharedMemoryError {
  static {
    setName(this, 'SegmentAccessError');
  }
}

/** There is no room for the segment (`ENOSPC`, `ENOMEM`, `EFBIG`). The message has the figures and the remedy. */
export class OutOfSharedMemoryError extends SharedMemoryError {
  static {
    setName(this, 'OutOfSharedMemoryError');
  }
}

/** The object is closed in this process (`ERR_SHM_CLOSED`). */
export class SegmentClosedError extends SharedMemoryError {
  static {
    setName(this, 'SegmentClosedError');
  }
}

/** The bytes of a segment are not those of what it was attached as, such as a list (`ERR_SHM_LAYOUT`). */
export class LayoutError extends SharedMemoryError {
  static {
    setName(this, 'LayoutError');
  }
}

/** A lock, a permit of a semaphore or the like was not free within the time given (`ETIMEDOUT`). */
export class LockTimeoutError extends SharedMemoryError {
  static {
    setName(this, 'LockTimeoutError');
  }
}

/**
 * An `AbortSignal` ended the wait for a lock (`ABORT_ERR`); its reason is the `cause`. The `name` is `AbortError`, as that
 * of Node's own errors is.
 */
export class LockAbortedError extends SharedMemoryError {
  static {
    setName(this, 'AbortError');
  }
}

/** Something did not happen within the time given (`ETIMEDOUT`): an event, a new value, the last party at a barrier. */
export class WaitTimeoutError extends SharedMemoryError {
  static {
    setName(this, 'WaitTimeoutError');
  }
}

/** An `AbortSignal` ended the wait for an event, a value or a barrier (`ABORT_ERR`). The `name` is `AbortError`. */
export class WaitAbortedError extends SharedMemoryError {
  static {
    setName(this, 'AbortError');
  }
}

/** A barrier is broken (`ERR_SHM_BARRIER_BROKEN`): a party died or gave up. `reset()` makes it usable again. */
export class BrokenBarrierError extends SharedMemoryError {
  static {
    setName(this, 'BrokenBarrierError');
  }
}

/** The server at a manager's address has another key (`ERR_SHM_AUTH`). */
export class AuthenticationError extends SharedMemoryError {
  static {
    setName(this, 'AuthenticationError');
  }
}

/** The manager was shut down, or its server has ended (`ERR_SHM_MANAGER_CLOSED`). Everything created through it is unlinked. */
export class ManagerClosedError extends SharedMemoryError {
  static {
    setName(this, 'ManagerClosedError');
  }
}

/** The parent of all errors of channels. */
export class ChannelError extends SharedMemoryError {
  static {
    setName(this, 'ChannelError');
  }
}

/** There was no message, or no room, within the time given (`ETIMEDOUT`). */
export class ChannelTimeoutError extends ChannelError {
  static {
    setName(this, 'ChannelTimeoutError');
  }
}

/** An `AbortSignal` ended the wait (`ABORT_ERR`); its reason is the `cause`. The `name` is `AbortError`. */
export class ChannelAbortedError extends ChannelError {
  static {
    setName(this, 'AbortError');
  }
}

/** A send after `end()` or `shutdown()` (`ERR_SHM_CHANNEL_ENDED`). */
export class ChannelEndedError extends ChannelError {
  static {
    setName(this, 'ChannelEndedError');
  }
}

/** A producer died without `end()` (`ERR_SHM_PEER_DIED`): thrown once, after all that it has sent. */
export class ProducerDiedError extends ChannelError {
  static {
    setName(this, 'ProducerDiedError');
  }

  /** How many have died. */
  readonly producers: number;

  constructor(message: string, producers: number, segment: string) {
    super(message, { code: 'ERR_SHM_PEER_DIED', segment });
    this.producers = producers;
  }
}

/** The ring is full, and no consumer is left that could make room (`ERR_SHM_NO_CONSUMER`). */
export class NoConsumerError extends ChannelError {
  static {
    setName(this, 'NoConsumerError');
  }
}

/** A message is longer than it may be (`ERR_SHM_MESSAGE_SIZE`). */
export class MessageSizeError extends ChannelError {
  static {
    setName(this, 'MessageSizeError');
  }
}

/**
 * Text or bytes are longer than the slot of the list that they were meant for, or a value is longer than the capacity of
 * its {@link SharedValue} (`ERR_SHM_SLOT_FULL`).
 */
export class SlotFullError extends RangeError {
  /** Always `ERR_SHM_SLOT_FULL`. */
  readonly code = 'ERR_SHM_SLOT_FULL';
  /** The name of the list's segment; `undefined` while the list is being created. */
  readonly segment: string | undefined;

  constructor(message: string, segment?: string) {
    super(message);
    this.segment = segment;
  }

  static {
    setName(this, 'SlotFullError');
  }
}

/** Makes a `TypeError` with one of Node's codes. */
export function invalidType(code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE', message: string): TypeError {
  return Object.assign(new TypeError(message), { code });
}

/** Makes a `RangeError` with one of Node's codes. */
export function outOfRange(message: string): RangeError {
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
}

/** Makes the error for using a closed object. */
export function closed(what: string, segment: string): SegmentClosedError {
  return new SegmentClosedError(`${what} '${segment}' is closed in this process: attach to it again`, {
    code: 'ERR_SHM_CLOSED',
    segment,
  });
}

type Kind = `${NativeErrorKind}`;

/** What each error of the addon becomes: a class and the code for errors without an errno, or an error of bad arguments. */
const kinds: Record<
  Kind,
  [errorClass: typeof SharedMemoryError, code: string] | ((message: string, segment?: string) => Error)
> = {
  NotFound: [SegmentNotFoundError, 'ENOENT'],
  Exists: [SegmentExistsError, 'EEXIST'],
  Busy: [SharedMemoryError, 'EBUSY'],
  Access: [SegmentAccessError, 'EACCES'],
  OutOfSharedMemory: [OutOfSharedMemoryError, 'ENOSPC'],
  Closed: [SegmentClosedError, 'ERR_SHM_CLOSED'],
  Layout: [LayoutError, 'ERR_SHM_LAYOUT'],
  Truncated: [SharedMemoryError, 'ERR_SHM_TRUNCATED'],
  Tracker: [SharedMemoryError, 'ERR_SHM_TRACKER'],
  Authentication: [AuthenticationError, 'ERR_SHM_AUTH'],
  ManagerClosed: [ManagerClosedError, 'ERR_SHM_MANAGER_CLOSED'],
  Version: [SharedMemoryError, 'ERR_SHM_VERSION'],
  System: [SharedMemoryError, 'ERR_SHM_SYSTEM'],
  Unsupported: [SharedMemoryError, 'ERR_SHM_UNSUPPORTED'],
  InvalidType: (message) => invalidType('ERR_INVALID_ARG_TYPE', message),
  InvalidValue: (message) => invalidType('ERR_INVALID_ARG_VALUE', message),
  OutOfRange: outOfRange,
  SlotFull: (message, segment) => new SlotFullError(message, segment),
};

/** What a caller can do, in the words of this package's API. */
const remedies: Record<`${NativeRemedy}`, string> = {
  AllowForeign: 'if you trust that user, attach with allowForeign: true',
  AttachWritable: 'attach without readOnly',
  AttachToWrite: 'attach without readOnly to write',
  CreateWithMode: 'create the segment with an option mode that admits this user',
  ReserveLargerSlot: 'create the list with a larger slot: slot(bytes, value)',
  UseLocalManager: 'new SharedMemoryManager(), which has no server, works',
};

function isNative(thrown: unknown): thrown is NativeError {
  return typeof thrown === 'object' && thrown !== null && 'kind' in thrown;
}

/** Turns an error of the addon into an instance of our classes. */
export function fromNative(thrown: unknown): unknown {
  if (!isNative(thrown)) return thrown;
  const { kind, errno, syscall, segment, remedy } = thrown;
  const message = remedy == null ? thrown.message : `${thrown.message}; ${remedies[remedy]}`;
  const made = kinds[kind];
  if (typeof made === 'function') return made(message, segment ?? undefined);
  const [errorClass, code] = made;
  return new errorClass(message, {
    code: typeof errno === 'number' ? errnoName(errno) : code,
    syscall: syscall ?? undefined,
    segment: segment ?? undefined,
  });
}

/** Returns the name of an errno. Older Nodes do not know all of them in `util.getSystemErrorName`, which asks libuv. */
function errnoName(errno: number): string {
  const known = getSystemErrorName(-errno);
  if (known !== undefined && !known.startsWith('Unknown')) return known;
  const [name] = Object.entries(constants.errno).find(([, value]) => value === errno) ?? [];
  return name ?? `errno ${errno}`;
}
