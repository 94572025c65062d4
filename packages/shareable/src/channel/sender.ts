/** The sending half of a channel. */
import type { Codec, Writable_ } from '../codec/codec.js';
import type { NativeChannel } from '../native/binding.js';
import { channelEnd, channelEnter, channelJoin, channelLook, channelSendPart, channelWait } from '../native/binding.js';
import type { Doorbell } from './doorbell.js';
import { CHANNEL_WAIT, isWatched, watch } from '../diagnostics/channels.js';
import { aborted, busy, ended, noConsumer, timedOut, tooLong } from './errors.js';
import { AGAIN, ENDED, NO_CONSUMER, READY, TIMED_OUT, WaitQueue } from './queue.js';
import type { Ring } from './ring.js';
import type { CheckedWait } from './wait-options.js';

/** Thrown by a codec's `reserve` when there is no room, and never beyond this file. */
const FULL = Symbol('full');

/** A message in private memory, on its way to the ring in one piece or in fragments. */
interface Parcel {
  readonly bytes: Uint8Array;
  /** Bytes that were sent as fragments; -1 when none was begun. */
  sent: number;
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
  /** The message whose fragments are being sent; this instance has the lock SEND meanwhile. */
  #parcel: Parcel | undefined;
  #isReserved = false;
  #hasJoined = false;
  #hasEnded = false;

  constructor(ring: Ring, codec: Codec<T>, native: NativeChannel, spin: number, bell: Doorbell) {
    this.#ring = ring;
    this.#codec = codec;
    this.#native = native;
    this.#spin = spin;
    this.#queue = new WaitQueue(native, true, bell);
  }

  /** Something may have changed. */
  wake(): void {
    this.#queue.wake();
  }

  /** Sends a value, and waits for room. */
  send(value: T, timeout: number): void {
    if (this.#queue.length > 0 || this.#parcel !== undefined) this.#drain(timeout);
    this.#isPatient = true;
    this.#timeout = timeout;
    this.#isFirst = true;
    this.#put(value);
  }

  /** Sends a value if there is room for all of it. */
  trySend(value: T): boolean {
    if (this.#queue.length > 0 || this.#parcel !== undefined) {
      this.#check();
      return false;
    }
    this.#isPatient = false;
    try {
      this.#put(value);
      return true;
    } catch (error) {
      if (error === FULL) return false;
      throw error;
    }
  }

  /** Sends a value; waits without blocking. */
  async sendAsync(value: T, wait: CheckedWait): Promise<void> {
    if (wait.signal?.aborted === true) throw aborted(this.#ring.name, wait.signal);
    if (this.#queue.length === 0 && this.#parcel === undefined && !this.#isReserved && this.trySendPiece(value)) return;
    this.#check();
    // As it is now: the caller may change it before there is room.
    const bytes = this.#encode(value);
    const parcel: Parcel = { bytes, sent: -1 };
    if (wait.timeout === 0) throw timedOut(this.#ring.name, 'room', 0);
    try {
      await this.#queue.wait(
        wait,
        () => {
          this.#queue.needed = this.#needed(parcel);
          return this.#push(parcel) || undefined;
        },
        (outcome) => this.#settle(outcome),
      );
    } catch (error) {
      if (this.#parcel === parcel) this.#cut();
      throw error;
    }
  }

  /** As {@link trySend}, for messages in one piece only. */
  trySendPiece(value: T): boolean {
    this.#isPatient = false;
    try {
      this.#put(value, false);
      return true;
    } catch (error) {
      if (error === FULL) return false;
      throw error;
    }
  }

  /** Sends as many values as there is room for, under one lock. All are encoded, or nothing is sent. */
  trySendMany(values: readonly T[]): number {
    this.#check();
    if (values.length === 0 || this.#queue.length > 0 || this.#parcel !== undefined) return 0;
    const ring = this.#ring;
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

  /** Encodes a value into the ring, or into fragments. */
  #put(value: T, mayStream = true): void {
    if (!this.#hasJoined || this.#hasEnded || this.#isReserved) this.#check();
    const ring = this.#ring;
    let used: number;
    try {
      used = this.#codec.encode(value, this.#reserve);
      if (this.#private === undefined) {
        if (!ring.sends) throw new TypeError('a codec must call reserve before it returns');
        if (used > ring.piece.length) throw new RangeError('a codec has used more bytes than it has reserved');
        this.#checkSize(used);
        ring.finish(used);
        ring.publish();
        return;
      }
    } catch (error) {
      if (ring.sends && this.#parcel === undefined) ring.stopSending();
      this.#private = undefined;
      throw error;
    }
    const bytes = this.#private.subarray(0, used);
    this.#private = undefined;
    this.#checkSize(used);
    if (!mayStream) throw FULL;
    this.#stream({ bytes, sent: -1 });
  }

  /** Encodes a value into the ring, under the lock; `false` when there is no room. */
  #putNext(value: T): boolean {
    const ring = this.#ring;
    let fits = true;
    const used = this.#codec.encode(value, (length) => {
      fits = length <= ring.longest && ring.place(length);
      if (fits) return ring.piece;
      // For nothing: to find out whether the value can be encoded.
      return makeParcel(length).piece;
    });
    this.#checkSize(used);
    if (fits) ring.finish(used);
    return fits;
  }

  /** Encodes a value into private memory. */
  #encode(value: T): Uint8Array {
    let bytes: Buffer = Buffer.alloc(0);
    const used = this.#codec.encode(value, (length) => {
      const parcel = makeParcel(length);
      bytes = parcel.bytes;
      return parcel.piece;
    });
    this.#checkSize(used);
    return bytes.subarray(0, used);
  }

  /** What codecs call. */
  readonly #reserve = (length: number): Writable_ => {
    if (length <= this.#ring.longest) return this.#place(length);
    const { bytes, piece } = makeParcel(length);
    this.#private = bytes;
    return piece;
  };

  /** Takes the lock SEND, and room for a message in one piece. */
  #place(length: number): Writable_ {
    const ring = this.#ring;
    if (ring.sends) throw busy(ring.name, 'reservation');
    if (ring.trySend()) {
      if (ring.isShut) {
        ring.stopSending();
        throw ended(ring.name);
      }
      if (ring.place(length)) return ring.piece;
      ring.stopSending();
    }
    if (!this.#isPatient) {
      this.#lookFor(length);
      throw FULL;
    }
    while (true) {
      this.#waitFor(length);
      this.#enter();
      if (ring.isShut) {
        ring.stopSending();
        throw ended(ring.name);
      }
      if (ring.place(length)) return ring.piece;
      ring.stopSending();
    }
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
      if (parcel.bytes.length > 7 * longest - 1024) {
        throw tooLong(name, parcel.bytes.length, 'trySend can send at once: use send or sendAsync');
      }
      if (channelLook(this.#native.handle, true, 3 * longest) !== READY || this.#ring.used > 0) throw FULL;
    }
    try {
      while (!this.#push(parcel)) this.#waitFor(this.#needed(parcel));
    } catch (error) {
      if (this.#parcel === parcel) this.#cut();
      throw error;
    }
  }

  /** How much room the next fragment wants. */
  #needed(parcel: Parcel): number {
    return Math.min(parcel.bytes.length - Math.max(parcel.sent, 0), this.#ring.longest - 64);
  }

  /** Sends what there is room for; `true` when all is sent. */
  #push(parcel: Parcel): boolean {
    const ring = this.#ring;
    const { bytes } = parcel;
    if (this.#parcel !== parcel) {
      if (ring.sends || !ring.trySend()) return false;
      if (ring.isShut) {
        ring.stopSending();
        throw ended(ring.name);
      }
      if (bytes.length <= ring.longest) {
        if (ring.place(bytes.length)) {
          ring.piece.bytes.set(bytes, ring.piece.start);
          ring.finish(bytes.length);
          ring.publish();
          return true;
        }
        ring.stopSending();
        return false;
      }
      this.#parcel = parcel;
      parcel.sent = 0;
    }
    if (ring.isShut) throw ended(ring.name);
    parcel.sent = channelSendPart(this.#native.handle, bytes, parcel.sent);
    if (parcel.sent < bytes.length) {
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
