/** The receiving half of a channel. */
import type { Codec, Piece, PlacedCodec } from '../codec/codec.js';
import { isPlaced } from '../codec/codec.js';
import { copyInto, copyOut } from '../codec/copy.js';
import type { NativeChannel } from '../native/binding.js';
import {
  channelBegin,
  channelEnter,
  channelJoin,
  channelLook,
  channelMourn,
  channelReceivePart,
  channelSkip,
  channelWait,
} from '../native/binding.js';
import type { Doorbell } from './doorbell.js';
import { CHANNEL_WAIT, isWatched, producerDied, redelivered, watch } from '../diagnostics/channels.js';
import { aborted, busy, corrupt, died, reentered, timedOut, tooLong } from './errors.js';
import { AGAIN, DIED, EMPTY, ENDED, READY, TIMED_OUT, WaitQueue } from './queue.js';
import { FRAGMENT, MESSAGE } from './ring.js';
import type { Ring } from './ring.js';
import type { CheckedWait } from '../lock/options.js';

/** No message is left, and none will come. */
export const END: unique symbol = Symbol('end');

/** The bytes of the widest element of a typed array. */
const UNIT = 8;

/** A message that arrives in fragments; this instance has the lock RECEIVE meanwhile. */
interface Arriving {
  readonly target: Uint8Array;
  arrived: number;
}

/** Allocates memory for the bytes of a message, or returns `undefined` to leave the message in the ring. */
type Allocate = (length: number) => Uint8Array;

/** What receives. */
export class Receiver<T> {
  readonly #ring: Ring;
  readonly #codec: Codec<T>;
  readonly #placed: PlacedCodec<T> | undefined;
  readonly #native: NativeChannel;
  readonly #queue: WaitQueue;
  readonly #spin: number;
  #arriving: Arriving | undefined;
  /** Whether a message is in use in place; this instance has the lock RECEIVE meanwhile. */
  #isHeld = false;
  #hasJoined = false;
  /** Whether this instance is in the queue for the lock RECEIVE. */
  #isQueued = false;

  constructor(ring: Ring, codec: Codec<T>, native: NativeChannel, spin: number, bell: Doorbell) {
    this.#ring = ring;
    this.#codec = codec;
    this.#placed = isPlaced(codec) ? codec : undefined;
    this.#native = native;
    this.#spin = spin;
    this.#queue = new WaitQueue(ring, false, bell);
  }

  /** Something may have changed. */
  wake(): void {
    this.#queue.wake();
  }

  /** Decodes a message in place. */
  readonly decode = (from: Piece): T => {
    if (this.#placed !== undefined) return this.#placed.decodeAt(from);
    if (this.#codec.inPlace === true) {
      const { plain, start, length } = this.#ring.lend(from);
      return this.#codec.decode(plain.subarray(start, start + length));
    }
    return this.#codec.decode(copyOut(from, from.start, from.length));
  };

  /** Decodes what was assembled from fragments in memory of {@link #ownMemory}. */
  decodeWhole(bytes: Uint8Array): T {
    return this.#placed?.adopt === undefined ? this.#codec.decode(bytes) : this.#placed.adopt(bytes);
  }

  /** The next message, if it is there; an error of the codec, or of `use`, leaves the message consumed. */
  take<Result>(
    use: (from: Piece) => Result,
    whole: (bytes: Uint8Array) => Result,
    allocate: Allocate = this.#ownMemory,
  ): Result | typeof EMPTY {
    const ring = this.#ring;
    if (!this.#hasJoined || this.#isHeld || ring.receives) this.#check();
    if (this.#arriving !== undefined) return this.#assemble(whole);
    if (!ring.tryReceive()) return EMPTY;
    return this.#takeNext(use, whole, allocate);
  }

  /**
   * The bytes of the next message, into `target`. Returns their number; {@link EMPTY} without a message, and for one in
   * fragments or that is too long, which {@link take} knows how to handle.
   */
  takeInto(target: Uint8Array): number | typeof EMPTY {
    const ring = this.#ring;
    if (!this.#hasJoined || this.#isHeld || ring.receives) this.#check();
    if (this.#arriving !== undefined || !ring.tryReceive()) return EMPTY;
    let length = -1;
    try {
      if (ring.next() === MESSAGE && ring.piece.length <= target.length) {
        ({ length } = ring.piece);
        copyInto(target, ring.piece);
        ring.consume();
      }
    } finally {
      if (length < 0) ring.stopReceiving();
      else ring.giveRoom();
    }
    return length < 0 ? EMPTY : length;
  }

  /** The next message, under the lock RECEIVE, which is released unless fragments are missing. */
  #takeNext<Result>(
    use: (from: Piece) => Result,
    whole: (bytes: Uint8Array) => Result,
    allocate: Allocate,
  ): Result | typeof EMPTY {
    const ring = this.#ring;
    let found: number;
    try {
      found = ring.next();
    } catch (error) {
      ring.stopReceiving();
      throw error;
    }
    if (found === MESSAGE) {
      try {
        ring.consume();
        return use(ring.piece);
      } finally {
        if (ring.receives) ring.giveRoom();
      }
    }
    if (found === FRAGMENT && this.#begin(allocate)) return this.#assemble(whole);
    if (ring.receives) ring.stopReceiving();
    return EMPTY;
  }

  /** Begins to assemble a message; `false` without a message, after it skips the rest of one that was cut. */
  #begin(allocate: Allocate): boolean {
    const { handle, name, maxMessage } = this.#native;
    try {
      const length = channelBegin(handle);
      if (length < 0) return false;
      if ((maxMessage > 0 && length > maxMessage) || !Number.isSafeInteger(length)) {
        channelSkip(handle);
        throw corrupt(name);
      }
      this.#arriving = { target: this.#allocate(allocate, length), arrived: 0 };
      return true;
    } catch (error) {
      this.#ring.stopReceiving();
      throw error;
    }
  }

  /** Bytes that are a value by themselves begin at a whole unit, so that views of other types can be made of them. */
  readonly #ownMemory: Allocate = (length) => {
    const leads = this.#placed?.leads ?? 0;
    if (leads === 0) return new Uint8Array(length);
    return new Uint8Array(new ArrayBuffer(length + UNIT - leads), UNIT - leads);
  };

  #allocate(allocate: Allocate, length: number): Uint8Array {
    try {
      return allocate(length);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      channelSkip(this.#native.handle);
      throw tooLong(this.#native.name, length, 'this process has memory for; it is dropped');
    }
  }

  /** Takes what has arrived. */
  #assemble<Result>(whole: (bytes: Uint8Array) => Result): Result | typeof EMPTY {
    const { handle } = this.#native;
    const arriving = this.#arriving as Arriving;
    const { target } = arriving;
    try {
      arriving.arrived = channelReceivePart(handle, target, arriving.arrived);
    } catch (error) {
      channelSkip(handle);
      this.#stopArriving();
      throw error;
    }
    if (arriving.arrived >= 0 && arriving.arrived < target.length) return EMPTY;
    this.#stopArriving();
    return arriving.arrived < 0 ? EMPTY : whole(target);
  }

  #stopArriving(): void {
    this.#arriving = undefined;
    this.#ring.stopReceiving();
  }

  /** As {@link take}; what else `tryReceive` has to say is thrown. */
  takeNow<Result>(use: (from: Piece) => Result, whole: (bytes: Uint8Array) => Result): Result | typeof EMPTY {
    const got = this.take(use, whole);
    if (got === EMPTY) this.#settle(channelLook(this.#native.handle, false, 0));
    return got;
  }

  /** Whether all was received and no more will come. */
  get hasEnded(): boolean {
    return channelLook(this.#native.handle, false, 0) === ENDED;
  }

  /** Waits for a message, blocking. */
  receive<Result>(
    timeout: number,
    use: (from: Piece) => Result,
    whole: (bytes: Uint8Array) => Result,
    allocate: Allocate = this.#ownMemory,
  ): Result | typeof END {
    if (timeout === 0 || !isWatched(CHANNEL_WAIT)) return this.#block(timeout, use, whole, allocate);
    const message = { name: this.#native.name, side: 'receive', isAsync: false, timeout } as const;
    return watch(CHANNEL_WAIT, message, () => this.#block(timeout, use, whole, allocate));
  }

  #block<Result>(
    timeout: number,
    use: (from: Piece) => Result,
    whole: (bytes: Uint8Array) => Result,
    allocate: Allocate,
  ): Result | typeof END {
    this.#check();
    const { handle } = this.#native;
    let isFirst = true;
    while (true) {
      if (this.#arriving === undefined) {
        const outcome = channelWait(handle, false, 0, timeout, this.#spin, isFirst);
        isFirst = false;
        if (outcome === ENDED) return END;
        if (outcome !== READY) {
          this.#settle(outcome, timeout);
          continue;
        }
        if (!this.#enter(timeout)) continue;
        const got = this.#takeNext(use, whole, allocate);
        if (got !== EMPTY) return got;
      } else {
        const got = this.#assemble(whole);
        if (got !== EMPTY) return got;
        if (this.#arriving === undefined) continue;
        const outcome = channelWait(handle, false, 0, timeout, this.#spin, isFirst);
        isFirst = false;
        if (outcome === TIMED_OUT) this.#settle(outcome, timeout);
      }
    }
  }

  /** Takes the lock RECEIVE, blocking for a slice. */
  #enter(timeout: number): boolean {
    if (!this.#isQueued && this.#ring.grabReceive()) return true;
    const outcome = channelEnter(this.#native.handle, false, timeout, false);
    this.#isQueued = outcome === AGAIN;
    if (this.#isQueued) return false;
    this.#settle(outcome, timeout);
    this.#ring.startReceiving();
    return true;
  }

  /** Waits for a message without blocking; the promise gives `end` at the end of the stream. May throw. */
  receiveAsync<Result>(
    wait: CheckedWait,
    use: (from: Piece) => Result,
    whole: (bytes: Uint8Array) => Result,
    end: Result,
    allocate: Allocate = this.#ownMemory,
  ): Promise<Result> {
    const { name } = this.#native;
    if (wait.signal?.aborted === true) throw aborted(name, wait.signal);
    const attempt = (): Result | typeof EMPTY =>
      this.#isHeld || this.#isDecoding ? EMPTY : this.take(use, whole, allocate);
    this.#join();
    const mayTry = this.#queue.length === 0 && (this.#arriving !== undefined || !this.#ring.isEmpty);
    const first = mayTry ? attempt() : EMPTY;
    if (first !== EMPTY) return Promise.resolve(first);
    if (wait.timeout === 0) {
      if (this.#settle(channelLook(this.#native.handle, false, 0)) === ENDED) return Promise.resolve(end);
      throw timedOut(name, 'message', 0);
    }
    return this.#queue.wait(wait, attempt, (outcome) => {
      if (this.#arriving !== undefined) return attempt();
      return this.#settle(outcome) === ENDED ? end : EMPTY;
    });
  }

  /** Receives as many messages as are there, up to `max`, under one lock; fragments end the batch. */
  takeMany(max: number, values: T[]): void {
    if (!this.#enterMany()) return;
    const ring = this.#ring;
    try {
      while (values.length < max && ring.next() === MESSAGE) {
        ring.consume();
        values.push(this.decode(ring.piece));
      }
    } catch (error) {
      // What was received before must not be lost: the error comes again when this message is the first.
      if (values.length === 0) throw error;
      if (ring.receives) ring.keep();
    } finally {
      if (ring.receives) ring.giveRoom();
    }
  }

  /** Gives every message that is there to `each`, up to `max`, under one lock; fragments end it. */
  drain(max: number, each: (bytes: Uint8Array, start: number, length: number) => void): number {
    if (!this.#enterMany()) return 0;
    const ring = this.#ring;
    let count = 0;
    this.#isHeld = true;
    try {
      while (count < max && ring.next() === MESSAGE) {
        ring.touch();
        ring.consume();
        count += 1;
        const { plain, start, length } = ring.lend(ring.piece);
        each(plain, start, length);
      }
    } finally {
      if (this.#isHeld) {
        this.#isHeld = false;
        ring.giveRoom();
      }
    }
    return count;
  }

  #enterMany(): boolean {
    if (!this.#hasJoined || this.#isHeld || this.#ring.receives) this.#check();
    return this.#arriving === undefined && this.#ring.tryReceive();
  }

  /** Keeps the message that {@link take} gave in place: for use within its `use`. */
  hold(): boolean {
    const { wasTouched } = this.#ring;
    if (wasTouched && redelivered.hasSubscribers) redelivered.publish({ name: this.#native.name });
    this.#ring.touch();
    this.#isHeld = true;
    // `take` releases the lock unless it is told that there is nothing to release.
    this.#ring.receives = false;
    return wasTouched;
  }

  /** Ends the use of the message in place. */
  release(isConsumed: boolean): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#ring.receives = true;
    if (isConsumed) this.#ring.giveRoom();
    else this.#ring.stopReceiving();
    this.#queue.wake();
  }

  /** The channel is about to be closed. */
  close(error: () => Error): void {
    this.#queue.close(error);
    if (this.#arriving !== undefined) this.#stopArriving();
    this.release(false);
  }

  /** Throws unless this instance may receive. */
  #check(): void {
    if (this.#isHeld) throw busy(this.#native.name, 'message');
    if (this.#isDecoding) throw reentered(this.#native.name);
    this.#join();
  }

  /** Whether a codec is decoding in the ring. */
  get #isDecoding(): boolean {
    return this.#ring.receives && this.#arriving === undefined;
  }

  #join(): void {
    if (this.#hasJoined) return;
    channelJoin(this.#native.handle, false);
    this.#hasJoined = true;
  }

  #settle(outcome: number, timeout = 0): number {
    if (outcome === TIMED_OUT) throw timedOut(this.#native.name, 'message', timeout);
    if (outcome !== DIED) return outcome;
    const producers = channelMourn(this.#native.handle);
    if (producers === 0) return AGAIN;
    if (producerDied.hasSubscribers) producerDied.publish({ name: this.#native.name, producers });
    throw died(this.#native.name, producers);
  }
}
