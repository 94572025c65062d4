/**
 * The fast path: messages in one piece, written to and read from the ring over views, without a call to Rust. All that it
 * knows of the layout it has from there. What it cannot do in a few accesses is left to Rust: waiting, recovery,
 * fragments.
 *
 * Bytes in the segment are written by untrusted processes: each word is read once, and checked against the positions and
 * the end of the ring before it is used. Typed arrays never read outside themselves in any case.
 */
import type { Piece } from '../codec/codec.js';
import type { NativeChannel } from '../native/binding.js';
import {
  channelEnter,
  channelLayout,
  channelLeave,
  channelLook,
  channelMustStandBack,
  channelNotify,
  lendChannelBuffer,
  losses,
} from '../native/binding.js';
import { corrupt } from './errors.js';

const { tail: TAIL, head: HEAD, send: SEND, receive: RECEIVE, receivers: RECEIVERS, senders: SENDERS } = channelLayout;
const { ended: ENDED, died: DIED, bell: BELL, waiting: WAITING, isDiscarded: IS_DISCARDED } = channelLayout;
const { state: STATE, isShut: IS_SHUT, whole: WHOLE, padding: PADDING, touched: TOUCHED, ring: RING } = channelLayout;
const HUNGRY_RECEIVER = RECEIVERS + channelLayout.hungry;
const HUNGRY_SENDER = SENDERS + channelLayout.hungry;
const UNIT = 8;
/** The ring, in elements of 32 bits. */
const RING_WORD = RING / 4;

/** Words for a channel that is closed: no lock is free, so that Rust is asked, which knows that it is closed. */
const GONE = new Int32Array(RING_WORD).fill(-1);
const NO_BYTES = Buffer.alloc(0);

/** A piece that moves along the ring. */
class Cursor implements Piece {
  memory: ArrayBufferLike;
  bytes: Buffer;
  plain: Uint8Array;
  words: Int32Array;
  data: DataView;
  start = 0;
  length = 0;

  constructor(memory: ArrayBufferLike, views: readonly [Buffer, Uint8Array, Int32Array, DataView]) {
    this.memory = memory;
    [this.bytes, this.plain, this.words, this.data] = views;
  }

  /** Forgets the memory. */
  close(): void {
    this.memory = NO_BYTES.buffer;
    this.bytes = NO_BYTES;
    this.plain = NO_BYTES;
    this.words = GONE;
  }
}

function cursorOver(buffer: ArrayBuffer): Cursor {
  const words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  return new Cursor(buffer, [Buffer.from(buffer), new Uint8Array(buffer), words, new DataView(buffer)]);
}

/** What {@link Ring.next} finds. */
export const NOTHING = 0;
export const MESSAGE = 1;
export const FRAGMENT = 2;

/** One participant's view of a ring. */
export class Ring {
  readonly name: string;
  readonly handle: NativeChannel['handle'];
  /** The longest message in one piece, in bytes. */
  readonly longest: number;
  /** The message that {@link next} has found. */
  readonly piece: Cursor;
  /** The room that {@link place} has found. */
  readonly room: Cursor;
  /** Whether this instance has the lock SEND, or RECEIVE. */
  sends = false;
  receives = false;
  /** Whether a consumer has had the message that {@link next} has found before. */
  wasTouched = false;

  /**
   * Views for code outside of the package, over a buffer of their own: such code can move the buffer away, as
   * `transfer()` and byte streams do.
   */
  #lent: Cursor | undefined;
  #lentBuffer: ArrayBuffer | undefined;

  readonly #seat: number;
  readonly #capacity: number;
  readonly #mask: number;
  #words: Int32Array;
  /** The frames that are being written, or read: where the next one goes, or is. */
  #write = 0;
  #read = 0;
  /** What the other end was when it was last looked at, and the own end then: others may have moved it meanwhile. */
  #seenHead = 0;
  #ownTail = 0;
  #seenTail = 0;
  #ownHead = 0;
  /** Where the frame of {@link room} lies. */
  #placed = 0;
  /** Where the frame in {@link piece} lies, and where the one after it does. */
  #at = 0;
  #after = 0;
  #losses = losses[0];
  /** The state, and how many have ended and died, when {@link awaits} looked last; whether that means nothing new. */
  #state = 0;
  #ended = 0;
  #died = 0;
  #isQuiet = false;
  #emptyAt = 0;

  constructor(native: NativeChannel, buffer: ArrayBuffer) {
    this.name = native.name;
    this.handle = native.handle;
    this.longest = native.capacity / UNIT;
    this.#seat = native.seat;
    this.#capacity = native.capacity / UNIT;
    this.#mask = this.#capacity - 1;
    this.#words = new Int32Array(buffer, 0, (RING + native.capacity) / 4);
    const views = [Buffer.from(buffer), new Uint8Array(buffer), this.#words, new DataView(buffer)] as const;
    this.piece = new Cursor(buffer, views);
    this.room = new Cursor(buffer, views);
    this.#ownTail = ~(this.#words[TAIL] as number);
    this.#ownHead = ~(this.#words[HEAD] as number);
  }

  /** Bytes that wait to be received. */
  get used(): number {
    if (this.#isDiscarded) return 0;
    const used = ((this.#words[TAIL] as number) - (this.#words[HEAD] as number)) >>> 0;
    return Math.min(used, this.#capacity) * UNIT;
  }

  /** Whether nothing waits to be received, at a glance. */
  get isEmpty(): boolean {
    return this.#words[TAIL] === this.#words[HEAD];
  }

  /** The same piece in memory that code outside of the package may have. */
  lend({ start, length }: Pick<Piece, 'start' | 'length'>): Piece {
    let lent = this.#lent;
    if (lent === undefined || lent.plain.length === 0) {
      this.#lentBuffer = lendChannelBuffer(this.handle);
      lent = cursorOver(this.#lentBuffer);
      this.#lent = lent;
    }
    lent.start = start;
    lent.length = length;
    return lent;
  }

  /** Forgets the segment, which is about to be closed. Returns the buffer that was lent. */
  close(): ArrayBuffer | undefined {
    this.#words = GONE;
    this.piece.close();
    this.room.close();
    this.#lent = undefined;
    return this.#lentBuffer;
  }

  /** Whether all sending has ended. */
  get isShut(): boolean {
    return ((this.#words[STATE] as number) & IS_SHUT) !== 0;
  }

  /** Whether what waits is not to be received. */
  get #isDiscarded(): boolean {
    return ((this.#words[STATE] as number) & IS_DISCARDED) !== 0;
  }

  /** Others need not stand back for this instance any more. */
  sate(isSending: boolean): void {
    const hungry = isSending ? HUNGRY_SENDER : HUNGRY_RECEIVER;
    if (this.#words[hungry] === this.#seat) this.#yield(hungry);
  }

  #yield(hungry: number): void {
    Atomics.compareExchange(this.#words, hungry, this.#seat, 0);
  }

  // ---- sending

  /** Takes the lock SEND if it is free and no other waiter comes first. */
  trySend(): boolean {
    const words = this.#words;
    if (Atomics.compareExchange(words, SEND, 0, this.#seat) !== 0 && channelEnter(this.handle, true, 0, true) !== 0) {
      return false;
    }
    this.startSending();
    const hungry = words[HUNGRY_SENDER];
    if (hungry === 0 || hungry === this.#seat || !channelMustStandBack(this.handle, true)) return true;
    this.stopSending();
    return false;
  }

  /** Takes the lock SEND if it is free. For one that was told that its turn has come. */
  grabSend(): boolean {
    if (Atomics.compareExchange(this.#words, SEND, 0, this.#seat) !== 0) return false;
    this.startSending();
    return true;
  }

  /** Prepares for {@link place}; the lock SEND was taken. */
  startSending(): void {
    if (this.#losses !== losses[0]) this.#checkLosses(true);
    this.sends = true;
    this.#write = this.#words[TAIL] as number;
  }

  /** Finds room for `length` bytes, at most {@link longest}; `false` without room. */
  place(length: number): boolean {
    const words = this.#words;
    const capacity = this.#capacity;
    const tail = this.#write;
    const needed = 1 + ((length + 7) >>> 3);
    const at = tail & this.#mask;
    const toEnd = capacity - at;
    const total = needed > toEnd ? toEnd + needed : needed;
    let free = capacity - ((tail - this.#seenHead) >>> 0);
    if (free < total || tail !== this.#ownTail) {
      this.#seenHead = Atomics.load(words, HEAD);
      const used = (tail - this.#seenHead) >>> 0;
      if (used > capacity) throw corrupt(this.name);
      free = capacity - used;
      if (free < total) return false;
    }
    const { room } = this;
    room.length = length;
    if (needed <= toEnd) {
      this.#placed = tail;
      room.start = RING + UNIT * (at + 1);
      return true;
    }
    const word = RING_WORD + 2 * at;
    words[word] = (toEnd - 1) * UNIT;
    words[word + 1] = PADDING | (this.#seat << 16);
    this.#placed = (tail + toEnd) | 0;
    room.start = RING + UNIT;
    return true;
  }

  /** Finishes the message of `length` bytes that was written where {@link place} has found room. */
  finish(length: number): void {
    const words = this.#words;
    const word = RING_WORD + 2 * (this.#placed & this.#mask);
    words[word] = length;
    words[word + 1] = WHOLE | (this.#seat << 16);
    this.#write = (this.#placed + 1 + ((length + 7) >>> 3)) | 0;
    this.#ownTail = this.#write;
  }

  /** Makes what was finished visible, releases the lock SEND, and wakes those who wait for messages. */
  publish(): void {
    const words = this.#words;
    Atomics.store(words, TAIL, this.#write);
    this.stopSending();
    // Not before: the compare-and-swap of the lock keeps this read after the store, for every processor.
    if (((words[RECEIVERS] as number) & WAITING) !== 0) channelNotify(this.handle, false);
    if (words[HUNGRY_SENDER] === this.#seat) this.#yield(HUNGRY_SENDER);
  }

  /** Releases the lock SEND. What was not published never shows. */
  stopSending(): void {
    this.sends = false;
    // Where the next one begins is the tail, not what was given up.
    if (this.#words[TAIL] !== this.#ownTail) this.#ownTail = ~(this.#words[TAIL] as number);
    if (Atomics.compareExchange(this.#words, SEND, this.#seat, 0) !== this.#seat) channelLeave(this.handle, true);
  }

  // ---- receiving

  /**
   * Asks for the bell, and looks once more: `true` when there is nothing, and the bell will ring for whatever changes.
   * Otherwise Rust must look: {@link learn} tells what it has found.
   *
   * No ring is missed, as `algorithm.rs` has it for `announce` and `publish`: the flag is set before the position is loaded
   * here, and the position is stored before the flag is read there, so one of the two sees what the other has done. Where that
   * fails, because a sender died in between, the caller's timer looks.
   */
  awaits(): boolean {
    const words = this.#words;
    Atomics.or(words, RECEIVERS, BELL);
    // Before the positions: a participant ends, shuts down or dies after its last message.
    const state = Atomics.load(words, STATE);
    const ended = Atomics.load(words, ENDED);
    const died = Atomics.load(words, DIED);
    const isKnown = this.#isQuiet && state === this.#state && ended === this.#ended && died === this.#died;
    this.#state = state;
    this.#ended = ended;
    this.#died = died;
    this.#emptyAt = Atomics.load(words, HEAD);
    return isKnown && Atomics.load(words, TAIL) === this.#emptyAt;
  }

  /** Rust has looked after {@link awaits}. `isNothing`: it has found neither a message nor an end nor news of deaths. */
  learn(isNothing: boolean): void {
    const at = this.#emptyAt;
    // Where there was a message meanwhile, Rust did not get as far as the end and the deaths.
    this.#isQuiet = isNothing && this.#words[HEAD] === at && this.#words[TAIL] === at;
  }

  /** Takes the lock RECEIVE if it is free and no other waiter comes first. */
  tryReceive(): boolean {
    const words = this.#words;
    if (
      Atomics.compareExchange(words, RECEIVE, 0, this.#seat) !== 0 &&
      channelEnter(this.handle, false, 0, true) !== 0
    ) {
      return false;
    }
    this.startReceiving();
    const hungry = words[HUNGRY_RECEIVER];
    if (hungry === 0 || hungry === this.#seat || !channelMustStandBack(this.handle, false)) return true;
    this.stopReceiving();
    return false;
  }

  /** As {@link grabSend}, of the lock RECEIVE. */
  grabReceive(): boolean {
    if (Atomics.compareExchange(this.#words, RECEIVE, 0, this.#seat) !== 0) return false;
    this.startReceiving();
    return true;
  }

  /** Prepares for {@link next}; the lock RECEIVE was taken. */
  startReceiving(): void {
    if (this.#losses !== losses[0]) this.#checkLosses(false);
    this.receives = true;
    this.#read = this.#words[HEAD] as number;
    // Others may have received more than was there when this instance looked last.
    if (this.#read !== this.#ownHead) this.#seenTail = Atomics.load(this.#words, TAIL);
  }

  /** Finds the next message, which is in {@link piece} then. */
  next(): number {
    const words = this.#words;
    if (this.#isDiscarded) return NOTHING;
    for (let frames = 0; frames < 2; frames++) {
      const head = this.#read;
      if (head === this.#seenTail) {
        this.#seenTail = Atomics.load(words, TAIL);
        if (head === this.#seenTail) {
          // Padding and the frame behind it are published together.
          if (frames > 0) throw corrupt(this.name);
          return NOTHING;
        }
      }
      const used = (this.#seenTail - head) >>> 0;
      const at = head & this.#mask;
      const room = Math.min(used, this.#capacity - at);
      const word = RING_WORD + 2 * at;
      const length = (words[word] as number) >>> 0;
      const kind = (words[word + 1] as number) & 0xffff;
      if (used > this.#capacity || length > (room - 1) * UNIT) throw corrupt(this.name);
      const after = (head + 1 + ((length + 7) >>> 3)) | 0;
      if (kind === PADDING) {
        this.#read = after;
        continue;
      }
      if ((kind & ~TOUCHED) !== WHOLE) return FRAGMENT;
      this.wasTouched = kind !== WHOLE;
      this.#at = head;
      this.#after = after;
      this.piece.start = RING + UNIT * (at + 1);
      this.piece.length = length;
      return MESSAGE;
    }
    throw corrupt(this.name);
  }

  /** Marks the message that {@link next} has found as one that a consumer has had. */
  touch(): void {
    const word = RING_WORD + 2 * (this.#at & this.#mask) + 1;
    this.#words[word] = (this.#words[word] as number) | TOUCHED;
  }

  /** Goes past the message that {@link next} has found. */
  consume(): void {
    this.#read = this.#after;
  }

  /** Leaves the message that was consumed last where it is. */
  keep(): void {
    this.#read = this.#at;
  }

  /** Gives back the room of what was consumed, releases the lock RECEIVE, and wakes those who wait for room. */
  giveRoom(): void {
    const words = this.#words;
    Atomics.store(words, HEAD, this.#read);
    this.#ownHead = this.#read;
    this.stopReceiving();
    // After the compare-and-swap, as in `publish`. Not for every message: each sleeper that wakes should find room for several.
    const isAwaited = ((words[SENDERS] as number) & WAITING) !== 0;
    if (isAwaited && 4 * ((this.#seenTail - this.#read) >>> 0) <= 3 * this.#capacity) {
      channelNotify(this.handle, true);
    }
    if (words[HUNGRY_RECEIVER] === this.#seat) this.#yield(HUNGRY_RECEIVER);
  }

  /** Releases the lock RECEIVE. What was not consumed stays. */
  stopReceiving(): void {
    this.receives = false;
    if (Atomics.compareExchange(this.#words, RECEIVE, this.#seat, 0) !== this.#seat) channelLeave(this.handle, false);
  }

  /** Some segment of this process was truncated: throws if it is this one. */
  #checkLosses(isSending: boolean): void {
    try {
      channelLook(this.handle, false, 0);
      this.#losses = losses[0];
    } catch (error) {
      if (isSending) this.stopSending();
      else this.stopReceiving();
      throw error;
    }
  }
}
