/** The sending half of a channel. */
import { bytes as bytesCodec } from '../codec/bytes.js';
import { clone } from '../codec/clone.js';
import type { Codec, Writable_ } from '../codec/codec.js';
import { NO_LEAD, isPlaced } from '../codec/codec.js';
import { checkReserved, checkUsed, reservedTwice } from '../codec/errors.js';
import type { NativeChannel } from '../native/binding.js';
import { channelEnd, channelEnter, channelJoin, channelLook, channelSendPart, channelWait } from '../native/binding.js';
import type { Doorbell } from './doorbell.js';
import { CHANNEL_WAIT, isWatched, watch } from '../diagnostics/channels.js';
import { aborted, busy, ended, noConsumer, reentered, timedOut, tooLong } from './errors.js';
import { AGAIN, EMPTY, ENDED, NO_CONSUMER, READY, TIMED_OUT, WaitQueue } from './queue.js';
import type { Ring } from './ring.js';
import type { CheckedWait } from '../lock/options.js';

/** Thrown by a codec's `reserve` when there is no room, and never beyond this file. */
const FULL = Symbol('full');

/** Thrown by a codec's `reserve` when the message is {@link Sender} `#parcel` itself; never beyond this file. */
const ENCODED = Symbol('encoded');

/** What a codec does: nothing; it has begun; it has called `reserve`. */
const IDLE = 0;
const BEGUN = 1;
const RESERVED = 2;

/** A message on its way to the ring in one piece or in fragments: a byte, unless that is {@link NO_LEAD}, and then `bytes`. */
interface Parcel {
  readonly lead: number;
  bytes: Uint8Array;
  readonly length: number;
  /** Whether the bytes are the caller's. */
  isBorrowed: boolean;
  /** Bytes that were sent as fragments; -1 when none was begun. */
  sent: number;
}

function parcelOf(bytes: Uint8Array): Parcel {
  return { lead: NO_LEAD, bytes, length: bytes.length, isBorrowed: false, sent: -1 };
}

/** Takes what was not sent yet into private memory: the caller may change its own before there is room. */
function own(parcel: Parcel): void {
  const { bytes, lead, sent } = parcel;
  const from = Math.max(lead === NO_LEAD ? sent : sent - 1, 0);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes.subarray(from), from);
  parcel.bytes = copy;
  parcel.isBorrowed = false;
}

function makeParcel(length: number): { piece: Writable_; bytes: Buffer } {
  const bytes = Buffer.allocUnsafeSlow(length);
  return { bytes, piece: { bytes, data: new DataView(bytes.buffer, bytes.byteOffset, length), start: 0, length } };
}

/** What sends. */
export class Sender<T> {
  readonly #ring: Ring;
  readonly #codec: Codec<T>;
  readonly #native: NativeChannel;
  readonly #queue: WaitQueue;
  readonly #spin: number;
  /** Whether {@link #reserve} may wait; and for how long, from when on. */
  #isPatient = false;
  #timeout = 0;
  #isFirst = true;
  /** What the codec writes to when that is not the ring. */
  #private: Buffer | undefined;
  /** Whether `source` is all that the codec writes. A codec of the user's may call a built-in one, and then write more. */
  readonly #mayBorrow: boolean;
  /** Whether the codec is the user's. */
  readonly #isOwn: boolean;
  /** A message that the caller has as bytes. */
  #borrowed: Parcel | undefined;
  /** The message whose fragments are being sent; this instance has the lock SEND meanwhile. */
  #parcel: Parcel | undefined;
  #isReserved = false;
  /** How far the codec is that encodes a value into the ring, or for fragments. */
  #stage: typeof IDLE | typeof BEGUN | typeof RESERVED = IDLE;
  #hasJoined = false;
  #hasEnded = false;

  constructor(ring: Ring, codec: Codec<T>, native: NativeChannel, spin: number, bell: Doorbell) {
    this.#ring = ring;
    this.#codec = codec;
    this.#isOwn = !isPlaced(codec);
    this.#mayBorrow = (codec as unknown) === bytesCodec || (codec as unknown) === clone();
    this.#native = native;
    this.#spin = spin;
    this.#queue = new WaitQueue(ring, true, bell);
  }

  /** Something may have changed. */
  wake(): void {
    this.#queue.wake();
  }

  /** Sends a value, and waits for room. */
  send(value: T, timeout: number): void {
    if (this.#queue.length > 0 || this.#parcel !== undefined) this.#drain(timeout);
    const wasPatient = this.#isPatient;
    const before = this.#timeout;
    this.#isPatient = true;
    this.#timeout = timeout;
    this.#isFirst = true;
    try {
      const parcel = this.#put(value);
      if (parcel !== undefined) this.#stream(parcel);
    } finally {
      // A value that sends while it is encoded must not make the call that sends it wait.
      this.#isPatient = wasPatient;
      this.#timeout = before;
    }
  }

  /** Sends a value if there is room for all of it. */
  trySend(value: T): boolean {
    if (this.#queue.length > 0 || this.#parcel !== undefined) {
      this.#check();
      return false;
    }
    this.#isPatient = false;
    try {
      const parcel = this.#put(value);
      if (parcel !== undefined) this.#stream(parcel);
      return true;
    } catch (error) {
      if (error === FULL) return false;
      throw error;
    }
  }

  /** Sends a value; waits without blocking. Returns `undefined` when it was sent at once. */
  sendAsync(value: T, wait: CheckedWait): Promise<void> | undefined {
    if (wait.signal?.aborted === true) throw aborted(this.#ring.name, wait.signal);
    let parcel: Parcel | undefined;
    if (this.#queue.length === 0 && this.#parcel === undefined && !this.#isReserved) {
      const left = this.#tryPut(value);
      if (left === undefined) return undefined;
      if (left !== FULL) parcel = left;
    }
    this.#check();
    // As it is now: the caller may change it before there is room.
    parcel ??= parcelOf(this.#encode(value));
    return this.#sendParcel(parcel, wait);
  }

  async #sendParcel(parcel: Parcel, wait: CheckedWait): Promise<void> {
    if (wait.timeout === 0) throw timedOut(this.#ring.name, 'room', 0);
    try {
      if (parcel.isBorrowed) {
        if (this.#push(parcel)) return;
        own(parcel);
      }
      await this.#queue.wait(
        wait,
        () => {
          this.#queue.needed = this.#needed(parcel);
          return this.#push(parcel) ? undefined : EMPTY;
        },
        (outcome) => this.#settle(outcome) ?? EMPTY,
      );
    } catch (error) {
      if (this.#parcel === parcel) this.#cut();
      throw error;
    }
  }

  /** As {@link #put}, without waiting: {@link FULL} without room. */
  #tryPut(value: T): Parcel | typeof FULL | undefined {
    this.#isPatient = false;
    try {
      return this.#put(value);
    } catch (error) {
      if (error === FULL) return FULL;
      throw error;
    }
  }

  /** Sends as many values as there is room for, under one lock. All are encoded, or nothing is sent. */
  trySendMany(values: readonly T[]): number {
    this.#check();
    if (values.length === 0 || this.#queue.length > 0 || this.#parcel !== undefined) return 0;
    const ring = this.#ring;
    this.#checkIdle();
    this.#isPatient = false;
    if (!ring.trySend()) return 0;
    let count = 0;
    try {
      if (ring.isShut) throw ended(ring.name);
      while (count < values.length && this.#putNext(values[count] as T)) count += 1;
    } catch (error) {
      if (ring.sends) ring.stopSending();
      throw error;
    }
    ring.publish();
    // One that needs fragments is sent alone.
    return count === 0 && this.trySend(values[0] as T) ? 1 : count;
  }

  /** Takes room for one message, which the caller writes to. */
  reserve(length: number, timeout: number): Writable_ {
    if (this.#queue.length > 0 || this.#parcel !== undefined) this.#drain(timeout);
    this.#check();
    if (length > this.#ring.longest) {
      throw tooLong(this.#ring.name, length, `an eighth of the ring, ${this.#ring.longest} bytes`);
    }
    this.#checkSize(length);
    this.#isPatient = true;
    this.#timeout = timeout;
    this.#isFirst = true;
    const piece = this.#place(length);
    this.#isReserved = true;
    return piece;
  }

  /** Sends what was reserved, or gives it back. */
  release(length: number | undefined): void {
    if (!this.#isReserved) return;
    this.#isReserved = false;
    if (length === undefined) {
      this.#ring.stopSending();
      this.#queue.wake();
      return;
    }
    this.#ring.finish(length);
    this.#ring.publish();
  }

  /** Sends no more. */
  end(): void {
    if (this.#hasEnded) return;
    this.#check();
    this.#hasEnded = true;
    this.#queue.close(() => ended(this.#ring.name));
    if (this.#parcel !== undefined) this.#cut();
    channelEnd(this.#native.handle);
  }

  /** The channel is about to be closed. */
  close(error: () => Error): void {
    this.#queue.close(error);
    if (this.#parcel !== undefined) this.#cut();
    this.release(undefined);
  }

  /** Throws unless this instance may send. */
  #check(): void {
    if (this.#hasEnded) throw ended(this.#ring.name);
    if (this.#isReserved) throw busy(this.#ring.name, 'reservation');
    if (this.#hasJoined) return;
    channelJoin(this.#native.handle, true);
    this.#hasJoined = true;
  }

  #checkSize(length: number): void {
    const { maxMessage, name } = this.#native;
    if (maxMessage > 0 && length > maxMessage) throw tooLong(name, length, `maxMessage, ${maxMessage} bytes`);
  }

  /** Encodes a value into the ring. Returns one that needs fragments. */
  #put(value: T): Parcel | undefined {
    if (!this.#hasJoined || this.#hasEnded || this.#isReserved) this.#check();
    const ring = this.#ring;
    this.#checkIdle();
    // That of a value which sends another one before it is encoded itself.
    const before = this.#stage;
    this.#stage = BEGUN;
    let used: number;
    try {
      used = this.#codec.encode(value, this.#reserve);
      if (this.#private === undefined) {
        checkUsed(used, this.#hasReserved() ? ring.room.length : -1);
        this.#checkSize(used);
        ring.finish(used);
        ring.publish();
        this.#stage = before;
        return undefined;
      }
      checkUsed(used, this.#private.length);
    } catch (error) {
      const parcel = this.#borrowed;
      this.#borrowed = undefined;
      this.#private = undefined;
      // A reservation, or a message of which fragments are sent, keeps the lock.
      if (this.#hasReserved() && ring.sends && !this.#isReserved && this.#parcel === undefined) ring.stopSending();
      this.#stage = before;
      if (error !== ENCODED || parcel === undefined) throw error;
      this.#checkSize(parcel.length);
      return parcel;
    }
    const bytes = this.#private.subarray(0, used);
    this.#private = undefined;
    this.#stage = before;
    this.#checkSize(used);
    return parcelOf(bytes);
  }

  /** Throws when a value that this instance is sending, or its codec, uses the instance after it has reserved memory. */
  #checkIdle(): void {
    if (this.#hasReserved() || (this.#ring.sends && this.#parcel === undefined)) throw reentered(this.#ring.name);
  }

  /** A method, because the compiler does not know that codecs change the stage. */
  #hasReserved(): boolean {
    return this.#stage === RESERVED;
  }

  /** Encodes a value into the ring, under the lock; `false` when there is no room. */
  #putNext(value: T): boolean {
    const ring = this.#ring;
    let fits = true;
    let reserved = -1;
    const used = this.#codec.encode(value, (length) => {
      if (reserved >= 0) throw reservedTwice();
      checkReserved(length);
      fits = length <= ring.longest && ring.place(length);
      // Without room it encodes for nothing: to find out whether the value can be encoded.
      reserved = length;
      return fits ? this.#given(ring.room) : makeParcel(length).piece;
    });
    checkUsed(used, reserved);
    this.#checkSize(used);
    if (fits) ring.finish(used);
    return fits;
  }

  /** Encodes a value into private memory. */
  #encode(value: T): Uint8Array {
    let bytes: Buffer | undefined;
    const used = this.#codec.encode(value, (length) => {
      if (bytes !== undefined) throw reservedTwice();
      checkReserved(length);
      const parcel = makeParcel(length);
      bytes = parcel.bytes;
      return parcel.piece;
    });
    checkUsed(used, (bytes as Buffer | undefined)?.length ?? -1);
    this.#checkSize(used);
    return (bytes as unknown as Buffer).subarray(0, used);
  }

  /** What codecs call. */
  readonly #reserve = (length: number, source?: Uint8Array, lead = NO_LEAD): Writable_ => {
    if (this.#stage !== BEGUN) throw reservedTwice();
    checkReserved(length);
    if (length <= this.#ring.longest) {
      const room = this.#place(length);
      this.#stage = RESERVED;
      return this.#given(room);
    }
    if (source !== undefined && this.#mayBorrow) {
      this.#borrowed = { lead, bytes: source, length, isBorrowed: true, sent: -1 };
      throw ENCODED;
    }
    const { bytes, piece } = makeParcel(length);
    this.#private = bytes;
    this.#stage = RESERVED;
    return piece;
  };

  /** Room as the codec gets it: one of the user's could move the memory away. */
  #given(room: Writable_): Writable_ {
    return this.#isOwn ? this.#ring.lend(room) : room;
  }

  /** Takes the lock SEND, and room for a message in one piece. */
  #place(length: number): Writable_ {
    const ring = this.#ring;
    if (ring.sends) throw busy(ring.name, 'reservation');
    if (ring.trySend() && this.#fits(length)) return ring.room;
    if (!this.#isPatient) {
      this.#lookFor(length);
      throw FULL;
    }
    while (true) {
      this.#waitFor(length);
      this.#enter();
      if (this.#fits(length)) return ring.room;
    }
  }

  /** Finds room under the lock SEND, which is released unless there is room. */
  #fits(length: number): boolean {
    const ring = this.#ring;
    let fits = false;
    try {
      if (ring.isShut) throw ended(ring.name);
      fits = ring.place(length);
    } finally {
      if (!fits) ring.stopSending();
    }
    return fits;
  }

  /** Throws where there will never be room. */
  #lookFor(length: number): void {
    this.#settle(channelLook(this.#native.handle, true, length));
  }

  /** Blocks until there is room, or throws. */
  #waitFor(length: number): void {
    if (this.#timeout === 0) {
      this.#lookFor(length);
      throw timedOut(this.#ring.name, 'room', 0);
    }
    if (!isWatched(CHANNEL_WAIT)) return this.#block(length);
    const message = { name: this.#ring.name, side: 'send', isAsync: false, timeout: this.#timeout } as const;
    watch(CHANNEL_WAIT, message, () => this.#block(length));
  }

  #block(length: number): void {
    const { handle } = this.#native;
    while (true) {
      const outcome = channelWait(handle, true, length, this.#timeout, this.#spin, this.#isFirst);
      this.#isFirst = false;
      if (outcome === READY) return;
      this.#settle(outcome);
    }
  }

  /** Blocks until this instance has the lock SEND, or throws. */
  #enter(): void {
    if (this.#ring.grabSend()) return;
    let outcome = AGAIN;
    while (outcome === AGAIN) {
      outcome = channelEnter(this.#native.handle, true, this.#timeout, this.#isFirst);
      this.#isFirst = false;
    }
    this.#settle(outcome);
    this.#ring.startSending();
  }

  #settle(outcome: number): undefined {
    if (outcome === ENDED) throw ended(this.#ring.name);
    if (outcome === NO_CONSUMER) throw noConsumer(this.#ring.name);
    if (outcome === TIMED_OUT) throw timedOut(this.#ring.name, 'room', this.#timeout);
  }

  /** Sends fragments, and waits for room. */
  #stream(parcel: Parcel): void {
    const { longest, name } = this.#ring;
    if (!this.#isPatient) {
      // Each fragment has a header, and ends of the ring stay unused.
      if (parcel.length > 7 * longest - 1024) {
        throw tooLong(name, parcel.length, 'trySend can send at once: use send or sendAsync');
      }
      if (channelLook(this.#native.handle, true, 3 * longest) !== READY || this.#ring.used > 0) throw FULL;
    }
    try {
      while (!this.#push(parcel)) {
        // Another producer has used the lock or the room meanwhile: what was begun is cut.
        if (!this.#isPatient) throw FULL;
        this.#waitFor(this.#needed(parcel));
      }
    } catch (error) {
      if (this.#parcel === parcel) this.#cut();
      throw error;
    }
  }

  /** How much room the next fragment wants. */
  #needed(parcel: Parcel): number {
    return Math.min(parcel.length - Math.max(parcel.sent, 0), this.#ring.longest - 64);
  }

  /** Sends what there is room for; `true` when all is sent. */
  #push(parcel: Parcel): boolean {
    const ring = this.#ring;
    const { bytes, lead, length } = parcel;
    if (this.#parcel !== parcel) {
      if (ring.sends || !ring.trySend()) return false;
      if (length <= ring.longest) {
        if (!this.#fits(length)) return false;
        ring.room.bytes.set(bytes, ring.room.start);
        ring.finish(length);
        ring.publish();
        return true;
      }
      this.#parcel = parcel;
      parcel.sent = 0;
    }
    // What was begun is cut by the caller.
    if (ring.isShut) throw ended(ring.name);
    parcel.sent = channelSendPart(this.#native.handle, lead, bytes, parcel.sent);
    if (parcel.sent < length) {
      this.#queue.needed = this.#needed(parcel);
      return false;
    }
    this.#parcel = undefined;
    ring.stopSending();
    return true;
  }

  /** Gives up a message in the middle: receivers drop it. */
  #cut(): void {
    this.#parcel = undefined;
    this.#ring.stopSending();
  }

  /** What waits to be sent without blocking comes first. */
  #drain(timeout: number): void {
    if (this.#isReserved) throw busy(this.#ring.name, 'reservation');
    this.#timeout = timeout;
    this.#isFirst = true;
    this.#queue.wake();
    while (this.#queue.length > 0) {
      this.#waitFor(this.#queue.needed);
      this.#queue.wake();
    }
  }
}
