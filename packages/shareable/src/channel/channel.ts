import { availableParallelism } from 'node:os';
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';

import type { Codec, Piece } from '../codec/codec.js';
import { copyInto } from '../codec/copy.js';
import { checkInternal, internal, takeBack } from '../construct.js';
import {
  announceAttachment,
  announceClose,
  announceCreation,
  announceDisposal,
  announceOpening,
  announceUnlink,
} from '../diagnostics/channels.js';
import { asyncDispose, dispose } from '../dispose.js';
import { closed } from '../errors.js';
import type { NativeChannel } from '../native/binding.js';
import {
  attachChannel,
  channelBuffer,
  channelEnvironment,
  channelPeers,
  channelShutdown,
  channelFacts,
  closeChannel,
  createChannel,
  disposeChannel,
  unlinkChannel,
} from '../native/binding.js';
import type { Handle } from '../options.js';
import { checkWait } from '../lock/options.js';
import { checkBoolean, checkInteger, checkName, checkOptions, checkTarget, wrongType } from '../options.js';
import { Doorbell } from './doorbell.js';
import { tooLong } from './errors.js';
import { DONE, Messages, iterate, iterateBatches, makeReadable, makeWritable } from './iterate.js';
import type { Message, Reservation } from './message.js';
import { makeMessage, makeReservation } from './message.js';
import type { ChannelAttachOptions, ChannelOptions, CheckedChannelOptions } from './options.js';
import { checkChannelOptions, checkCodec, checkSpin, findCodec } from './options.js';
import { inTurn, isTurnDue, takeTurn } from './pace.js';
import { EMPTY } from './queue.js';
import { END, Receiver } from './receiver.js';
import { Ring } from './ring.js';
import { Sender } from './sender.js';
import type { Timeout, Wait } from './wait-options.js';
import { checkTimeout } from './wait-options.js';

/** What {@link Channel.toJSON} gives and {@link Channel.attach} takes back. */
export type ChannelHandle<T> = Handle<'Channel'> & { readonly __message?: T };

const NO_BYTES = new Uint8Array(0);

/** Messages of one batch unless more are asked for. */
const BATCH = 256;

/** Microseconds to look before a sleep, where another processor can do something meanwhile. */
const SPIN = availableParallelism() > 1 ? 50 : 0;

/** What is published about an instance. */
const factsOf = ({ handle }: NativeChannel) => channelFacts(handle);

let environment: ReturnType<typeof channelEnvironment> | undefined;

/**
 * A bounded queue of messages between processes, and between threads: any number of producers and consumers, in shared
 * memory. Each message goes to one consumer, in the order in which it was sent.
 *
 * A process that dies loses nothing but its unfinished message: what producers have sent stays, and consumers get a
 * {@link ProducerDiedError} after the last of it. A message that a consumer was reading in place goes to another one.
 *
 * Blocking calls block the event loop; the calls that end in `Async`, the iterators and the streams do not. On Linux a
 * sleeping process is woken; elsewhere it looks every two milliseconds. See `docs/channel.md`.
 *
 * @example
 * ```ts
 * using jobs = Channel.create({ codec: struct({ id: 'u32', name: 'text24' }), producers: 1 });
 * child.send(jobs.toJSON()); // there: for await (const job of Channel.attach(handle, { codec })) …
 * jobs.send({ id: 1, name: 'resize' });
 * jobs.end();
 * ```
 */
export class Channel<T extends {} | null = unknown & {}>
  implements Disposable, AsyncDisposable, AsyncIterable<T>, Iterable<T>
{
  /** The name of the channel's segment. */
  readonly name: string;
  /** With {@link name}, what makes a structured clone of the channel a handle: `worker.postMessage(channel)` sends one. */
  readonly type = 'Channel';
  /** Bytes of the ring: a power of two. */
  readonly capacity: number;

  readonly #native: NativeChannel;
  readonly #buffer: ArrayBuffer;
  readonly #ring: Ring;
  readonly #sender: Sender<T>;
  readonly #receiver: Receiver<T>;
  readonly #bell: Doorbell;
  #readable: ReadableStream<T> | undefined;
  #writable: WritableStream<T> | undefined;
  #isClosed = false;
  /** Whether {@link unlink} has removed the name. */
  #isUnlinked = false;

  private constructor(key: typeof internal, native: NativeChannel, codec: Codec<T>, spin: number | undefined) {
    checkInternal(key, 'Channel.create() or Channel.attach()');
    this.name = native.name;
    this.capacity = native.capacity;
    this.#native = native;
    this.#buffer = channelBuffer(native.handle);
    this.#ring = new Ring(native, this.#buffer);
    this.#bell = new Doorbell(native.bell, () => {
      this.#receiver.wake();
      this.#sender.wake();
    });
    this.#sender = new Sender(this.#ring, codec, native, spin ?? SPIN, this.#bell);
    this.#receiver = new Receiver(this.#ring, codec, native, spin ?? SPIN, this.#bell);
    Object.preventExtensions(this);
  }

  /**
   * Creates a channel in a segment of its own.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a capacity of 0 or above 2^31 bytes, and for other numbers out of range
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, or `ERR_INVALID_ARG_VALUE` for a name that the system cannot have
   * @throws {SegmentExistsError} `EEXIST` when the name is taken
   * @throws {OutOfSharedMemoryError} `ENOSPC`, `ENOMEM` or `EFBIG` when there is no room for the ring
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left: a channel takes one
   */
  static create<T extends {} | null>(options?: ChannelOptions<T>): Channel<T> {
    const checked = checkChannelOptions(options, Channel.create);
    const native = announceCreation('Channel', Channel.#make(checked, false), factsOf);
    return Channel.#over(native, checked.codec, checked.spin);
  }

  /** Creates a channel in the addon. With `isShared`, joins the one of that name if there is one. */
  static #make<T>(options: CheckedChannelOptions<T>, isShared: boolean): NativeChannel {
    const { capacity, codec, producers, maxMessage, segment } = options;
    environment ??= channelEnvironment();
    return createChannel(environment, segment, isShared, capacity, codec.id, producers, maxMessage);
  }

  /** Makes the instance over an open channel. If that fails, the channel is closed, and unlinked if it is new. */
  static #over<T extends {} | null>(
    native: NativeChannel,
    codec: Codec<T> | undefined,
    spin: number | undefined,
  ): Channel<T> {
    try {
      return new Channel(internal, native, findCodec(codec, native.codec, native.name), spin);
    } catch (error) {
      const { handle } = native;
      if (channelFacts(handle).isNew) takeBack(() => unlinkChannel(handle));
      takeBack(() => disposeChannel(handle));
      throw error;
    }
  }

  /**
   * Opens an existing channel by its name or handle.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when there is no such segment
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when mode or owner forbid it
   * @throws {LayoutError} `ERR_SHM_LAYOUT` when the segment does not hold a channel, or one of another codec
   * @throws {SharedMemoryError} `EMFILE` when the process has no file descriptor left; `ERR_SHM_SYSTEM` when 1023
   *   participants are attached
   */
  static attach<T extends {} | null>(target: string | ChannelHandle<T>, options?: ChannelAttachOptions<T>): Channel<T> {
    const name = checkTarget(target, 'Channel');
    const { codec, spin, allowForeign } = checkOptions(options, ['codec', 'spin', 'allowForeign']);
    if (codec !== undefined) checkCodec(codec);
    const checkedSpin = checkSpin(spin);
    const isForeignAllowed = checkBoolean('option allowForeign', allowForeign, false);
    environment ??= channelEnvironment();
    const native = announceAttachment('Channel', attachChannel(environment, name, isForeignAllowed), factsOf);
    return Channel.#over(native, codec, checkedSpin);
  }

  /**
   * Opens the channel called `name`, or creates it, without a race between the two. An existing one keeps its capacity,
   * `producers` and `maxMessage`; without `codec`, its built-in codec is used.
   *
   * @throws {SegmentExistsError} `EEXIST` when a dead owner's channel has the name and another process still uses it
   * @throws what {@link create} and {@link attach} throw
   */
  static createOrAttach<T extends {} | null>(name: string, options?: Omit<ChannelOptions<T>, 'name'>): Channel<T> {
    const checked = checkChannelOptions<T>(options, Channel.createOrAttach);
    const named = { ...checked, segment: { ...checked.segment, name: checkName(name) } };
    const native = announceOpening('Channel', Channel.#make(named, true), factsOf);
    return Channel.#over(native, options?.codec, checked.spin);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that wait to be received, with their frames: a glance. 0 after close. */
  get used(): number {
    return this.#isClosed ? 0 : this.#ring.used;
  }

  /** Whether everything was received and no more will come. True after close. */
  get ended(): boolean {
    return this.#isClosed || this.#receiver.hasEnded;
  }

  /**
   * How many are attached and alive now: producers that have sent and not ended, consumers that have received.
   *
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  peers(): { producers: number; consumers: number } {
    const [producers = 0, consumers = 0] = channelPeers(this.#native.handle);
    return { producers, consumers };
  }

  /**
   * Sends a message, blocking this thread until there is room for it. Messages of {@link sendAsync} that wait go first.
   *
   * @throws {ChannelTimeoutError} `ETIMEDOUT` when there was no room in time; nothing was sent
   * @throws {ChannelEndedError} `ERR_SHM_CHANNEL_ENDED` after {@link end} or {@link shutdown}
   * @throws {NoConsumerError} `ERR_SHM_NO_CONSUMER` when the ring is full and its last consumer is gone, if the channel
   *   was created with `producers`
   * @throws {MessageSizeError} `ERR_SHM_MESSAGE_SIZE` above `maxMessage`
   * @throws {ChannelError} `ERR_SHM_CHANNEL_BUSY` while this instance has a {@link reserve reservation}
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   * @throws what the codec throws for a value that it cannot encode; nothing was sent
   */
  send(value: T, options?: Timeout): void {
    this.#sender.send(value, options === undefined ? Infinity : checkTimeout(options));
  }

  /**
   * Sends a message if there is room for it now. A message in fragments needs an empty ring.
   *
   * @throws as {@link send}, but for the time-out
   */
  trySend(value: T): boolean {
    return this.#sender.trySend(value);
  }

  /**
   * Sends a message, as it is now; the promise resolves when it is in the ring. Those of one instance are sent in the order
   * of the calls.
   *
   * What {@link send} throws, the promise rejects with; also:
   *
   * @throws {ChannelAbortedError} `ABORT_ERR` when the signal is aborted before the message is sent; its reason is the
   *   cause
   */
  async sendAsync(value: T, options?: Wait): Promise<void> {
    const sending = this.#sender.sendAsync(value, checkWait(options));
    if (sending !== undefined) await sending;
    // Not before: the caller may change the value once this call has returned.
    if (isTurnDue()) await takeTurn();
  }

  /**
   * Sends the first of `values` that there is room for now, under one lock; returns how many. When one of them cannot be
   * encoded, none is sent.
   *
   * @throws as {@link trySend}
   */
  trySendMany(values: readonly T[]): number {
    return this.#sender.trySendMany(values);
  }

  /**
   * Sends all `values` in their order, as many at a time as there is room for. When it rejects, some may have been sent.
   *
   * @throws as {@link sendAsync}
   */
  async sendManyAsync(values: readonly T[], options?: Wait): Promise<void> {
    const wait = checkWait(options);
    for (let sent = 0; sent < values.length;) {
      if (isTurnDue()) await takeTurn();
      const count = this.#sender.trySendMany(sent === 0 ? values : values.slice(sent));
      sent += count;
      if (count > 0 || sent === values.length) continue;
      await this.#sender.sendAsync(values[sent] as T, wait);
      sent += 1;
    }
  }

  /**
   * Receives the next message, blocking this thread until there is one. `undefined` at the end of the stream.
   *
   * @throws {ChannelTimeoutError} `ETIMEDOUT` when there was no message in time
   * @throws {ProducerDiedError} `ERR_SHM_PEER_DIED` once, after everything that was sent, when a producer died
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for bytes that the codec does not write, which are gone then, and for a damaged
   *   ring
   * @throws {ChannelError} `ERR_SHM_CHANNEL_BUSY` while this instance has a message in place
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close
   */
  receive(options?: Timeout): T | undefined {
    const timeout = options === undefined ? Infinity : checkTimeout(options);
    const { decode } = this.#receiver;
    let got: T | typeof EMPTY | typeof END = this.#receiver.take(decode, this.#decodeWhole);
    if (got === EMPTY) got = this.#receiver.receive(timeout, decode, this.#decodeWhole);
    return got === END ? undefined : got;
  }

  /**
   * Receives the next message if there is one; otherwise returns `undefined`: see {@link ended}.
   *
   * @throws as {@link receive}, but for the time-out
   */
  tryReceive(): T | undefined {
    const got = this.#receiver.takeNow(this.#receiver.decode, this.#decodeWhole);
    return got === EMPTY ? undefined : got;
  }

  /**
   * Receives the next message; `undefined` at the end of the stream. Those of one instance are served in the order of the
   * calls. The process stays alive while anybody waits.
   *
   * What {@link receive} throws, the promise rejects with; also:
   *
   * @throws {ChannelAbortedError} `ABORT_ERR` when the signal is aborted; its reason is the cause
   */
  receiveAsync(options?: Wait): Promise<T | undefined> {
    return inTurn(() => {
      const { decode } = this.#receiver;
      return this.#receiver.receiveAsync<T | undefined>(checkWait(options), decode, this.#decodeWhole, undefined);
    });
  }

  /**
   * Receives what is there, at least one message and at most `max`, under one lock; none at the end of the stream.
   *
   * @throws as {@link receive}
   */
  receiveMany(max: number, options?: Timeout): T[] {
    const most = checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    const values = this.#takeMany(most);
    if (values.length > 0) return values;
    const first = this.receive(options);
    return first === undefined ? [] : [first, ...this.#takeMany(most - 1)];
  }

  /**
   * As {@link receiveMany}, without blocking.
   *
   * @throws as {@link receiveAsync}
   */
  async receiveManyAsync(max: number, options?: Wait): Promise<T[]> {
    const most = checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    if (isTurnDue()) await takeTurn();
    const values = this.#takeMany(most);
    if (values.length > 0) return values;
    const first = await this.receiveAsync(options);
    return first === undefined ? [] : [first, ...this.#takeMany(most - 1)];
  }

  /**
   * Receives the bytes of the next message into memory of the caller's, whatever the codec; nothing is allocated for a
   * message in one piece. Returns their number, -1 at the end of the stream.
   *
   * @throws {MessageSizeError} `ERR_SHM_MESSAGE_SIZE` when `target` is too short; the message stays
   * @throws as {@link receive}
   */
  receiveInto(target: Uint8Array, options?: Timeout): number {
    const timeout = options === undefined ? Infinity : checkTimeout(options);
    if (!isUint8Array(target)) throw wrongType('target', 'a Uint8Array', target);
    const taken = this.#receiver.takeInto(target);
    if (taken !== EMPTY) return taken;
    const got = this.#receiver.receive(timeout, ...this.#into(target));
    return got === END ? -1 : got;
  }

  /**
   * As {@link receiveInto}, without blocking.
   *
   * @throws as {@link receiveInto} and {@link receiveAsync}
   */
  receiveIntoAsync(target: Uint8Array, options?: Wait): Promise<number> {
    return inTurn(() => {
      const [use, whole, allocate] = this.#into(target);
      return this.#receiver.receiveAsync(checkWait(options), use, whole, -1, allocate);
    });
  }

  /**
   * Takes room in the ring for a message, to be written there. Blocks until there is room.
   *
   * @param length in bytes, at most an eighth of the ring
   * @throws {MessageSizeError} `ERR_SHM_MESSAGE_SIZE` for more
   * @throws as {@link send}
   */
  reserve(length: number, options?: Timeout): Reservation {
    const most = checkInteger('length', length, 0, Number.MAX_SAFE_INTEGER);
    const { start } = this.#sender.reserve(most, checkTimeout(options));
    return makeReservation({
      length: most,
      bytes: this.#lend(start, most),
      end: (used) => this.#sender.release(used === undefined ? used : checkInteger('length', used, 0, most)),
    });
  }

  /**
   * Receives the next message in place, blocking until there is one; `undefined` at the end of the stream. Other consumers
   * wait until its scope ends. A message in fragments is assembled, and is gone if this process dies.
   *
   * @throws as {@link receive}
   */
  read(options?: Timeout): Message<T> | undefined {
    const timeout = options === undefined ? Infinity : checkTimeout(options);
    let got: Message<T> | typeof EMPTY | typeof END = this.#receiver.take(this.#hold, this.#wrap);
    if (got === EMPTY) got = this.#receiver.receive(timeout, this.#hold, this.#wrap);
    return got === END ? undefined : got;
  }

  /**
   * As {@link read}, without blocking.
   *
   * @throws as {@link receiveAsync}
   */
  readAsync(options?: Wait): Promise<Message<T> | undefined> {
    return inTurn(() =>
      this.#receiver.receiveAsync<Message<T> | undefined>(checkWait(options), this.#hold, this.#wrap, undefined),
    );
  }

  /**
   * Calls `each` for every message that is there, in place, under one lock and without an object for each; returns how
   * many. The bytes are those of the whole segment: the message is `length` of them from `start` on. A message counts as
   * received also when `each` throws; those after it stay. Messages in fragments are left for {@link receive}.
   *
   * @throws as {@link tryReceive}, and what `each` throws
   */
  drain(
    each: (bytes: Uint8Array, start: number, length: number) => void,
    max: number = Number.MAX_SAFE_INTEGER,
  ): number {
    const most = checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    if (typeof each !== 'function') throw wrongType('each', 'a function', each);
    return this.#receiver.drain(most, each);
  }

  /** Every message until the end of the stream; blocks this thread between them. */
  [Symbol.iterator](): Iterator<T> {
    return iterate(this);
  }

  /** Every message until the end of the stream. The event loop turns at least every millisecond. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    const receiver = this.#receiver;
    const use = (from: Piece): IteratorResult<T, undefined> => ({ value: receiver.decode(from), done: false });
    const whole = (bytes: Uint8Array): IteratorResult<T, undefined> => ({
      value: receiver.decodeWhole(bytes),
      done: false,
    });
    const wait = checkWait(undefined);
    return new Messages(() => inTurn(() => receiver.receiveAsync(wait, use, whole, DONE)));
  }

  /** As the asynchronous iterator, in batches of what is there, at most `max` messages. */
  batches(max: number = BATCH, options?: Wait): AsyncIterable<T[]> {
    return iterateBatches(this, checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER), options);
  }

  /** The messages as a Web Stream; for a Node stream, `Readable.fromWeb`. Always the same object. */
  get readable(): ReadableStream<T> {
    return (this.#readable ??= makeReadable(this));
  }

  /** A Web Stream into the channel, whose end is this producer's; for a Node stream, `Writable.fromWeb`. */
  get writable(): WritableStream<T> {
    return (this.#writable ??= makeWritable(this));
  }

  /** Says that this instance sends no more. Its messages that wait to be sent are rejected. Idempotent. */
  end(): void {
    this.#sender.end();
  }

  /**
   * Ends the sending of all participants: the stream ends after the messages that were sent. Idempotent.
   *
   * @param options `immediate` also discards what waits
   */
  shutdown(options?: { immediate?: boolean | undefined }): void {
    channelShutdown(
      this.#native.handle,
      checkBoolean('option immediate', checkOptions(options, ['immediate']).immediate, false),
    );
    this.#sender.wake();
    this.#receiver.wake();
  }

  /**
   * Drops this process's use of the channel. A producer has ended then; a reservation and a message in place are given
   * back, and promises that are pending reject. Idempotent.
   */
  close(): void {
    if (!this.#isClosed) this.#end(() => {});
  }

  /**
   * Removes the name of the channel's segment at once: no process can attach any more. Existing attachments keep working.
   *
   * @throws {SegmentNotFoundError} `ENOENT` when it was unlinked before, by anyone
   * @throws {SegmentAccessError} `EACCES` or `EPERM` when this user may not
   */
  unlink(): void {
    unlinkChannel(this.#native.handle);
    this.#isUnlinked = true;
    announceUnlink('Channel', this.name);
  }

  /** A small plain object that names the channel, for another process's or thread's {@link attach}. */
  toJSON(): ChannelHandle<T> {
    return { type: 'Channel', name: this.name };
  }

  toString(): string {
    const state = this.#isClosed ? 'closed' : `${this.used} of ${this.capacity} bytes used`;
    return `Channel('${this.name}', ${state})`;
  }

  /**
   * What `console.log` and `util.inspect` print.
   *
   * @internal because `node:util` has no types without `@types/node`
   */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Closes; the owner also unlinks, quietly if that was done before. */
  [dispose](): void {
    this.#end(() => disposeChannel(this.#native.handle));
    this.#isUnlinked = announceDisposal('Channel', this.#native, this.#isUnlinked, factsOf);
  }

  /** As `[Symbol.dispose]`. */
  async [asyncDispose](): Promise<void> {
    this[dispose]();
  }

  /** Returns a function that gives a piece of the ring to the program: another view, once the last one was moved away. */
  #lend(start: number, length: number): () => Uint8Array {
    let view: Uint8Array | undefined;
    return () => {
      if (view?.length === length) return view;
      if (this.#isClosed) return NO_BYTES;
      view = new Uint8Array(this.#ring.lend({ start, length }).memory, start, length);
      return view;
    };
  }

  readonly #decodeWhole = (bytes: Uint8Array): T => this.#receiver.decodeWhole(bytes);

  /** Keeps a message in place. */
  readonly #hold = ({ memory, bytes, plain, words, data, start, length }: Piece): Message<T> => {
    const redelivered = this.#receiver.hold();
    return makeMessage({
      bytes: this.#lend(start, length),
      redelivered,
      decode: () => {
        if (this.#isClosed) throw closed('channel', this.name);
        return this.#receiver.decode({ memory, bytes, plain, words, data, start, length });
      },
      end: (isConsumed) => this.#receiver.release(isConsumed),
    });
  };

  /** A message that was assembled from fragments. */
  readonly #wrap = (bytes: Uint8Array): Message<T> => {
    const put = (isConsumed: boolean): void => this.#receiver.release(isConsumed);
    return makeMessage({
      bytes: () => bytes,
      redelivered: false,
      decode: () => this.#receiver.decodeWhole(bytes),
      end: put,
    });
  };

  #takeMany(max: number): T[] {
    const values: T[] = [];
    if (max > 0) this.#receiver.takeMany(max, values);
    return values;
  }

  /** How to receive into `target`. */
  #into(
    target: Uint8Array,
  ): [use: (from: Piece) => number, whole: (bytes: Uint8Array) => number, allocate: (length: number) => Uint8Array] {
    if (!isUint8Array(target)) throw wrongType('target', 'a Uint8Array', target);
    const check = (length: number): void => {
      if (length > target.length) throw tooLong(this.name, length, `the target, ${target.length} bytes`);
    };
    return [
      (piece) => {
        const { length } = piece;
        if (length > target.length) this.#ring.keep();
        check(length);
        copyInto(target, piece);
        return length;
      },
      ({ length }) => length,
      (length) => {
        check(length);
        return target.subarray(0, length);
      },
    ];
  }

  /** Closes, after `finish`, which may fail. */
  #end(finish: () => void): void {
    const error = () => closed('channel', this.name);
    const { handle } = this.#native;
    if (this.#isClosed) return finish();
    announceClose('Channel', this.name);
    this.#isClosed = true;
    this.#bell.close();
    this.#sender.close(error);
    this.#receiver.close(error);
    const lent = this.#ring.close();
    try {
      finish();
    } finally {
      closeChannel(handle, this.#buffer, lent);
    }
  }
}
