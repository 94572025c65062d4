/** The arguments of channels, and the checks on them. */
import { clone } from '../codec/clone.js';
import { bytes } from '../codec/bytes.js';
import { json } from '../codec/json.js';
import { text } from '../codec/text.js';
import { FIRST_OWN_ID, STRUCT_ID, isPlaced } from '../codec/codec.js';
import type { Codec } from '../codec/codec.js';
import { LayoutError } from '../errors.js';
import type { AttachOptions, CreateOptions } from '../options.js';
import type { CheckedCreateOptions } from '../options.js';
import { checkCreateOptions, checkInteger, wrongType } from '../options.js';
import { invalidType } from '../errors.js';

/** How to create a channel. */
export interface ChannelOptions<T> extends CreateOptions {
  /** Bytes of the ring, 1 to 2^31; rounded up to a power of two, at least 4096. Default: 1 MiB. */
  capacity?: number | undefined;
  /** What turns messages into bytes. Default: `clone()`. */
  codec?: Codec<T> | undefined;
  /**
   * How many producers there will be: the stream ends when as many have ended. Default: it ends by
   * {@link Channel.shutdown} only.
   */
  producers?: number | undefined;
  /**
   * Bytes of one message at most. Default: no limit; a message longer than an eighth of the ring streams through it in
   * fragments.
   */
  maxMessage?: number | undefined;
  /**
   * Microseconds to look for a message, or for room, before the thread sleeps. Default: 50 where there are two processors
   * or more, else 0. Halved each time that it does not pay, doubled again when it does.
   */
  spin?: number | undefined;
}

/** How to attach to a channel. */
export interface ChannelAttachOptions<T> extends Pick<AttachOptions, 'allowForeign'> {
  /** As its creator chose it. Default: the built-in codec that the segment names; `struct` and your own must be given. */
  codec?: Codec<T> | undefined;
  /** See {@link ChannelOptions.spin}. */
  spin?: number | undefined;
}

const CAPACITY = 1 << 20;
const MAX_CAPACITY = 2 ** 31;
const MAX_PRODUCERS = 1023;
const MAX_SPIN = 1_000_000;

/** {@link ChannelOptions}, complete. */
export interface CheckedChannelOptions<T> {
  capacity: number;
  codec: Codec<T>;
  producers: number;
  maxMessage: number;
  spin: number | undefined;
  segment: CheckedCreateOptions;
}

/** Checks and completes {@link ChannelOptions}. */
export function checkChannelOptions<T>(
  options: ChannelOptions<T> | undefined,
  method: (...args: never[]) => unknown,
): CheckedChannelOptions<T> {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw wrongType('options', 'an object', options);
  }
  const { capacity, codec, producers, maxMessage, spin, ...rest } = options ?? {};
  return {
    capacity: capacity === undefined ? CAPACITY : checkInteger('option capacity', capacity, 1, MAX_CAPACITY),
    codec: codec === undefined ? clone<T>() : checkCodec(codec),
    producers: producers === undefined ? 0 : checkInteger('option producers', producers, 1, MAX_PRODUCERS),
    maxMessage:
      maxMessage === undefined ? 0 : checkInteger('option maxMessage', maxMessage, 1, Number.MAX_SAFE_INTEGER),
    spin: checkSpin(spin),
    segment: checkCreateOptions(rest, method),
  };
}

/** Checks microseconds to look before a sleep. */
export function checkSpin(spin: unknown): number | undefined {
  return spin === undefined ? undefined : checkInteger('option spin', spin, 0, MAX_SPIN);
}

/** Checks that something is a codec. */
export function checkCodec<T>(codec: Codec<T>): Codec<T> {
  if (typeof codec !== 'object' || codec === null) throw wrongType('option codec', 'a codec', codec);
  // Those of the built-in ones are out of the range.
  if (!isPlaced(codec)) checkInteger("the codec's id", codec.id, FIRST_OWN_ID, STRUCT_ID - 1);
  if (typeof codec.encode === 'function' && typeof codec.decode === 'function') return codec;
  throw invalidType('ERR_INVALID_ARG_TYPE', 'a codec has the methods encode and decode');
}

/** The codec for a channel, or a shared value, whose header names `id`. */
export function findCodec<T>(codec: Codec<T> | undefined, id: number, segment: string, noun = 'channel'): Codec<T> {
  const known = codec ?? [bytes, text, json(), clone()].find((builtIn) => builtIn.id === id);
  if (known?.id === id) return known as Codec<T>;
  const message =
    codec === undefined
      ? `${noun} '${segment}' has the codec ${id}, which is not a built-in one: attach with the codec of its creator`
      : `${noun} '${segment}' has the codec ${id}, not ${codec.id}: attach with the codec of its creator`;
  throw new LayoutError(message, { code: 'ERR_SHM_LAYOUT', segment });
}
