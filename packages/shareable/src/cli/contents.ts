/** What is in a segment: looked at through a read-only attachment, and never changed. */
import { constants } from 'node:buffer';

import type { NativeList, NativeSegment } from '../native/binding.js';
import type * as Binding from '../native/binding.js';
import { LayoutError, SharedMemoryError } from '../errors.js';

/** What is in a segment. */
export interface Contents {
  /** The list in it, if it is one. */
  readonly list: NativeList | undefined;
  /** Why it is none. */
  readonly layoutError: LayoutError | undefined;
  /** In bytes. */
  readonly size: number;
  /** Its bytes as they stand, which others may change at any time. */
  bytes(): Uint8Array;
  close(): void;
}

/**
 * Opens a segment, anybody's: read-only, where the system can.
 *
 * @throws {SegmentNotFoundError} `ENOENT`, {@link SegmentAccessError} `EACCES`, and what else attaching throws
 */
export function open(binding: typeof Binding, name: string): Contents {
  let segment: NativeSegment | undefined;
  const rest = {
    bytes: () => (segment === undefined ? new Uint8Array() : bytesOf(binding, segment)),
    close: () => void (segment !== undefined && binding.closeSegment(segment.handle, undefined)),
  };
  try {
    segment = attach(binding, name);
    return { list: findList(binding, segment), layoutError: undefined, size: segment.size, ...rest };
  } catch (error) {
    // A segment without a size cannot even be attached to.
    if (error instanceof LayoutError) return { list: undefined, layoutError: error, size: segment?.size ?? 0, ...rest };
    rest.close();
    throw error;
  }
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
  // Zeros read as an empty list, which is right only where there is room for nothing else.
  if (list.length > 0 || list.codesStart === segment.size) return list;
  throw new LayoutError('this segment does not hold a list: it begins with zeros', { code: 'ERR_SHM_LAYOUT' });
}

/** Attaches to a segment, anybody's: read-only, where the system can. */
export function attach(binding: typeof Binding, name: string): NativeSegment {
  try {
    return binding.attachSegment(name, true, true);
  } catch (error) {
    if (!(error instanceof SharedMemoryError) || error.code !== 'ERR_SHM_UNSUPPORTED') throw error;
    return binding.attachSegment(name, false, true);
  }
}

/** What a segment holds, for a list also how many; nulls where this user may not look. */
export interface Kind {
  readonly kind: 'list' | 'raw' | null;
  readonly length: number | null;
}

/** Tells a list from anything else, in constant time. */
export function kindOf(binding: typeof Binding, { name, size }: { name: string; size: number }): Kind {
  // Attaching would wait for its size, which its creator did not live to give it.
  if (size === 0) return { kind: 'raw', length: null };
  try {
    const { list, close } = open(binding, name);
    close();
    return { kind: list === undefined ? 'raw' : 'list', length: list?.length ?? null };
  } catch {
    // Another user's, or gone meanwhile.
    return { kind: null, length: null };
  }
}
