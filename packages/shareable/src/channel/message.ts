/** What lies in the ring while it is written or read there. */
import { dispose } from '../dispose.js';

const NO_BYTES = new Uint8Array(0);

/** For the package's own use. */
export let makeMessage: <T>(place: MessagePlace<T>) => Message<T>;
/** For the package's own use. */
export let makeReservation: (place: ReservationPlace) => Reservation;

/** Where a message lies, and how its use ends. */
export interface MessagePlace<T> {
  bytes(): Uint8Array;
  readonly redelivered: boolean;
  decode(): T;
  end(isConsumed: boolean): void;
}

/** The position of a reservation, and how it ends: with the length of the message, or `undefined` without a message. */
export interface ReservationPlace {
  readonly length: number;
  bytes(): Uint8Array;
  end(length: number | undefined): void;
}

/**
 * A message that was read in place. Other consumers wait until its scope ends. If this process dies before that, another
 * consumer gets the message, with {@link redelivered} set.
 */
export class Message<T> implements Disposable {
  #place: MessagePlace<T> | undefined;

  static {
    makeMessage = (place) => new Message(place);
  }

  private constructor(place: MessagePlace<T>) {
    this.#place = place;
  }

  /**
   * The bytes in the ring itself; none after the end of the scope. Do not keep them: what they show then is whatever comes
   * next. Never decode them as UTF-8 without a copy, because a process that changes them meanwhile crashes V8.
   */
  get bytes(): Uint8Array {
    return this.#place?.bytes() ?? NO_BYTES;
  }

  /**
   * The message, decoded; `undefined` after the end of the scope.
   *
   * @throws {LayoutError} `ERR_SHM_LAYOUT` for bytes that the codec does not write
   * @throws {SegmentClosedError} `ERR_SHM_CLOSED` after the channel was closed
   */
  get value(): T {
    return this.#place?.decode() as T;
  }

  /** Whether a consumer had it before, and died or gave it back. */
  get redelivered(): boolean {
    return this.#place?.redelivered ?? false;
  }

  /** Puts the message back as the next one, instead of consuming it. Idempotent. */
  giveBack(): void {
    this.#end(false);
  }

  /** Consumes the message: its room is free for others. */
  [dispose](): void {
    this.#end(true);
  }

  #end(isConsumed: boolean): void {
    const place = this.#place;
    this.#place = undefined;
    place?.end(isConsumed);
  }
}

/** Room in the ring for one message, which is written in place. Other producers wait until its scope ends. */
export class Reservation implements Disposable {
  #place: ReservationPlace | undefined;

  static {
    makeReservation = (place) => new Reservation(place);
  }

  private constructor(place: ReservationPlace) {
    this.#place = place;
  }

  /** The room, with whatever was there before; none after the end of the scope. */
  get bytes(): Uint8Array {
    return this.#place?.bytes() ?? NO_BYTES;
  }

  /**
   * Sends what was written. Does nothing after the end of the scope.
   *
   * @param length of the message, in bytes, at most what was reserved; default: all of it
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for any other length; the reservation stays
   */
  commit(length?: number): void {
    const place = this.#place;
    if (place === undefined) return;
    place.end(length ?? place.length);
    this.#place = undefined;
  }

  /** Gives the room back unless the message was sent. */
  [dispose](): void {
    const place = this.#place;
    this.#place = undefined;
    place?.end(undefined);
  }
}
