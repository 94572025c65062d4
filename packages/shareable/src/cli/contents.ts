/** Reads the contents of a segment by a read-only attachment, without changing them. */
import { constants } from 'node:buffer';

import type {
  NativeArray,
  NativeChannelSummary,
  NativeGateSummary,
  NativeList,
  NativeSegment,
} from '../native/binding.js';
import type * as Binding from '../native/binding.js';
import { LayoutError, SharedMemoryError } from '../errors.js';

/** The contents of a segment. */
export interface Contents {
  /** The list in it, if it is one. */
  readonly list: NativeList | undefined;
  /** The array in it, if it is one. */
  readonly array: NativeArray | undefined;
  /** The channel in it, if it is one. */
  readonly channel: NativeChannelSummary | undefined;
  /** The semaphore, event or the like in it, if it is one. */
  readonly gate: NativeGateSummary | undefined;
  /** Why the contents are not of a known kind. */
  readonly layoutError: LayoutError | undefined;
  /** In bytes. */
  readonly size: number;
  /** Its bytes. Other processes may change them at any time. */
  bytes(): Uint8Array;
  close(): void;
}

/**
 * Opens a segment of any user, read-only where the system can.
 *
 * @throws {SegmentNotFoundError} `ENOENT`, {@link SegmentAccessError} `EACCES`, and other errors of attaching
 */
export function open(binding: typeof Binding, name: string): Contents {
  let segment: NativeSegment | undefined;
  const rest = {
    bytes: () => (segment === undefined ? new Uint8Array() : bytesOf(binding, segment)),
    close: () => void (segment !== undefined && binding.closeSegment(segment.handle, undefined)),
  };
  try {
    segment = attach(binding, name);
    const { size } = segment;
    const array = findArray(binding, segment);
    const channel = array === undefined ? (binding.findChannel(segment.handle) ?? undefined) : undefined;
    const isOther = array === undefined && channel === undefined;
    const gate = isOther ? (binding.findGate(segment.handle) ?? undefined) : undefined;
    const list = isOther && gate === undefined ? findList(binding, segment) : undefined;
    return { list, array, channel, gate, layoutError: undefined, size, ...rest };
  } catch (error) {
    // A segment without a size cannot even be attached to.
    if (error instanceof LayoutError) {
      return {
        list: undefined,
        array: undefined,
        channel: undefined,
        gate: undefined,
        layoutError: error,
        size: segment?.size ?? 0,
        ...rest,
      };
    }
    rest.close();
    throw error;
  }
}

/** Returns the array in a segment, or `undefined` for any other segment. */
function findArray(binding: typeof Binding, segment: NativeSegment): NativeArray | undefined {
  if (segment.size > constants.MAX_LENGTH) return undefined;
  const bytes = new Uint8Array(binding.segmentBuffer(segment.handle));
  const { magic, maxHeader } = binding.arrayLayout;
  if (!magic.every((byte, i) => bytes[i] === byte)) return undefined;
  return binding.findArray(bytes.slice(0, maxHeader), segment.size, segment.name);
}

function bytesOf(binding: typeof Binding, { handle, name, size }: NativeSegment): Uint8Array {
  if (size <= constants.MAX_LENGTH) return new Uint8Array(binding.segmentBuffer(handle));
  throw new SharedMemoryError(
    `segment '${name}' has ${size} bytes, and Node ${process.version} can show ${constants.MAX_LENGTH} at most: use a newer one`,
    { code: 'ERR_SHM_UNSUPPORTED', segment: name },
  );
}

function findList(binding: typeof Binding, segment: NativeSegment): NativeList {
  const list = binding.attachList(segment.handle);
  // Zeros read as an empty list, which is plausible only if there is no room for more.
  if (list.length > 0 || list.codesStart === segment.size) return list;
  throw new LayoutError('this segment does not hold a list: it begins with zeros', { code: 'ERR_SHM_LAYOUT' });
}

/** Attaches to a segment of any user, read-only where the system can. */
export function attach(binding: typeof Binding, name: string): NativeSegment {
  try {
    return binding.attachSegment(name, true, true);
  } catch (error) {
    if (!(error instanceof SharedMemoryError) || error.code !== 'ERR_SHM_UNSUPPORTED') throw error;
    return binding.attachSegment(name, false, true);
  }
}

/** What the semaphores, events and the like are called, by their numbers in the segment. */
const GATES = ['raw', 'value', 'semaphore', 'event', 'rwlock', 'barrier', 'condition'] as const;

/** What a segment holds, and its number of slots or elements. Nulls where this user may not read it. */
export interface Kind {
  readonly kind: 'list' | 'array' | 'channel' | (typeof GATES)[number] | null;
  readonly length: number | null;
}

/** Returns what was found in a segment. */
export function summarize({ list, array, channel, gate }: Pick<Contents, 'list' | 'array' | 'channel' | 'gate'>): Kind {
  const length = (list ?? array)?.length ?? null;
  if (list !== undefined) return { kind: 'list', length };
  if (array !== undefined) return { kind: 'array', length };
  if (channel !== undefined) return { kind: 'channel', length };
  return { kind: GATES[gate?.purpose ?? 0] ?? 'raw', length };
}

/** Tells lists, arrays, channels and other segments apart, in constant time. */
export function kindOf(binding: typeof Binding, { name, size }: { name: string; size: number }): Kind {
  // Attaching would wait for its size, but the creator died before setting it.
  if (size === 0) return { kind: 'raw', length: null };
  try {
    const contents = open(binding, name);
    contents.close();
    return summarize(contents);
  } catch {
    // It belongs to another user, or was just removed.
    return { kind: null, length: null };
  }
}
