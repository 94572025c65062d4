/**
 * Calls the addon for segments and lists. The addon has a number for each open segment, and writes what it knows about a
 * new one into an array of doubles: objects that the addon makes cost as much as the system calls of an attach. The
 * functions are written out, because rest parameters would double the cost of a call.
 */
import { addon, translated } from './addon.js';
import type { Binding } from './addon.js';
import { at, latest } from './told.js';
import { fromNative } from '../errors.js';
import type { Storable } from '../list/values.js';
import type { CheckedCreateOptions } from '../options.js';

/** A segment that this thread has open. */
export interface NativeSegment {
  /** Its number, for the other functions. */
  readonly handle: number;
  /** Without the leading slash. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Whether disposing of it unlinks it. */
  readonly isOwner: boolean;
  /** Whether writes stay in this process. */
  readonly isReadOnly: boolean;
  /** Whether this call created it. */
  readonly isNew: boolean;
  /** The process whose segment this call removed to get the name: -1 if it removed none, 0 if its owner is unknown. */
  readonly sweptOwner: number;
  /** With the inode, which segment of its name it is. Each is 64 bits, in two halves. */
  readonly deviceHigh: number;
  readonly deviceLow: number;
  readonly inodeHigh: number;
  readonly inodeLow: number;
}

/** Where the parts of a list are in its segment, in bytes. */
export interface NativeList {
  /** The number of the segment. */
  readonly handle: number;
  /** The number of slots. */
  readonly length: number;
  readonly dataStart: number;
  readonly dataBytes: number;
  readonly formatsStart: number;
  readonly codesStart: number;
  /** Where the version number of slot 0 is; -1 when the list has none. */
  readonly firstVersion: number;
  readonly versionMask: number;
}

/** A new list and its segment. */
export interface NativeListInSegment {
  readonly segment: NativeSegment;
  readonly list: NativeList;
}

const settings = addon.segmentSettings();
const {
  track: TRACK,
  exactMode: EXACT_MODE,
  sparse: SPARSE,
  readOnly: READ_ONLY,
  allowForeign: ALLOW_FOREIGN,
} = settings;
const { unlink: UNLINK } = settings;
// Finding a function among those of the addon would take as long as the call.
const {
  createRandom,
  attachNamed,
  attachListNamed: nativeAttachList,
  findList,
  getSlot,
  setSlot,
  bufferOf,
  leave,
  leaveBuffer,
} = addon;
const { isDetached: IS_DETACHED, isGone: IS_GONE } = addon.segmentEnding();

export { IS_DETACHED, IS_GONE };

/** Returns the segment of these facts. */
function segmentOf(name: string, facts: ArrayLike<number>): NativeSegment {
  return {
    handle: facts[at.handle] as number,
    name,
    size: facts[at.size] as number,
    isOwner: facts[at.isOwner] === 1,
    isReadOnly: facts[at.isReadOnly] === 1,
    isNew: facts[at.isNew] === 1,
    sweptOwner: facts[at.sweptOwner] as number,
    deviceHigh: facts[at.deviceHigh] as number,
    deviceLow: facts[at.deviceLow] as number,
    inodeHigh: facts[at.inodeHigh] as number,
    inodeLow: facts[at.inodeLow] as number,
  };
}

/** Returns the list in the segment with that number, of the last call. */
function latestList(handle: number): NativeList {
  return {
    handle,
    length: latest[at.length] as number,
    dataStart: latest[at.dataStart] as number,
    dataBytes: latest[at.dataBytes] as number,
    formatsStart: latest[at.formatsStart] as number,
    codesStart: latest[at.codesStart] as number,
    firstVersion: latest[at.firstVersion] as number,
    versionMask: latest[at.versionMask] as number,
  };
}

function latestListIn(name: string): NativeListInSegment {
  const segment = segmentOf(name, latest);
  return { segment, list: latestList(segment.handle) };
}

export function createSegment(size: number, options: CheckedCreateOptions): NativeSegment {
  const { name, origin, mode, manager } = options;
  const bits =
    mode | (options.track ? TRACK : 0) | (options.exactMode ? EXACT_MODE : 0) | (options.sparse === true ? SPARSE : 0);
  try {
    if (name === undefined && manager === undefined && (origin === undefined || origin === '')) {
      latest[at.size] = size;
      latest[at.settings] = bits;
      return segmentOf(createRandom(), latest);
    }
    const random = addon.createSegment(size, bits, name, origin === '' ? undefined : origin, manager);
    return segmentOf((name ?? random) as string, latest);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Creates a segment on a thread of its own: gives its name, for {@link claimCreation}, or the facts of an error. */
export const createSegmentLater = translated(addon.createSegmentLater);

const nativeClaim = translated(addon.claimCreation);

/** Opens the segment of that name which the creation with that number has made. */
export function claimCreation(id: number, name: string): NativeSegment {
  nativeClaim(id);
  return segmentOf(name, latest);
}

const nativeDraft = translated(addon.draftSegment);

/** Creates a segment without its name, which the options have. */
export function draftSegment(
  size: number,
  options: CheckedCreateOptions & { name: string },
): { draft: ReturnType<typeof nativeDraft>; segment: NativeSegment } {
  const draft = nativeDraft(size, options);
  return { draft, segment: segmentOf(options.name, latest) };
}

const nativeCopy = translated(addon.copySegment);

/** Creates a segment under a chosen name, with the contents of another one of this thread. */
export function copySegment(handle: number, options: CheckedCreateOptions & { name: string }): NativeSegment {
  nativeCopy(handle, options);
  return segmentOf(options.name, latest);
}

/** Attaches by a function that takes the settings from the facts, and writes the facts about what it has opened. */
function attachBy(attach: (name: string) => void, name: string, readOnly: boolean, allowForeign: boolean): void {
  latest[at.settings] = (readOnly ? READ_ONLY : 0) | (allowForeign ? ALLOW_FOREIGN : 0);
  try {
    attach(name);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

export function attachSegment(name: string, readOnly: boolean, allowForeign: boolean): NativeSegment {
  attachBy(attachNamed, name, readOnly, allowForeign);
  return segmentOf(name, latest);
}

const nativeAttachUnlessStale = translated(addon.attachUnlessStale);

/** Attaches to a segment if there is one, and removes it instead if its owner is dead and no process uses it. */
export function attachUnlessStale(name: string): { segment: NativeSegment | undefined; sweptOwner: number } {
  const { isAttached, sweptOwner } = nativeAttachUnlessStale(name);
  return { segment: isAttached ? segmentOf(name, latest) : undefined, sweptOwner };
}

const nativeCreateOrAttach = translated(addon.createOrAttachSegment);

export function createOrAttachSegment(name: string, size: number, options: CheckedCreateOptions): NativeSegment {
  nativeCreateOrAttach(name, size, options);
  return segmentOf(name, latest);
}

/** Makes an ArrayBuffer over a segment. Every call makes another one. */
export function segmentBuffer(handle: number): ArrayBuffer {
  latest[at.handle] = handle;
  try {
    return bufferOf();
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

export const checkSegment = translated(addon.checkSegment);
export const unlinkSegment = translated(addon.unlinkSegment);
export const unlinkClosed = translated(addon.unlinkClosed);
export const dropSegment: Binding['dropSegment'] = addon.dropSegment;

/** Closes a segment, and detaches its newest buffer. Returns {@link IS_DETACHED} and {@link IS_GONE}, as bits of one number. */
export function closeSegment(handle: number, buffer: ArrayBuffer | undefined): number {
  return end(handle, buffer, 0);
}

/** Does the same, and unlinks a segment that this process owns. */
export function disposeSegment(handle: number, buffer: ArrayBuffer | undefined): number {
  return end(handle, buffer, UNLINK);
}

function end(handle: number, buffer: ArrayBuffer | undefined, bits: number): number {
  latest[at.handle] = handle;
  latest[at.settings] = bits;
  try {
    return buffer === undefined ? leave() : leaveBuffer(buffer);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

const nativeCreateArray = translated(addon.createArray);

/**
 * Creates an array in a segment of its own. With `isShared`, attaches to the segment of that name if there is one; `array` is
 * then what a new segment would hold.
 */
export function createArray(
  dtype: string,
  shape: number[],
  isFortran: boolean,
  options: CheckedCreateOptions,
  isShared: boolean,
): { segment: NativeSegment; array: ReturnType<typeof nativeCreateArray>['array'] } {
  const { name, array } = nativeCreateArray(dtype, shape, isFortran, options, isShared);
  return { segment: segmentOf(name, latest), array };
}

/** The values of a new list, as the addon takes them. */
type Values = Parameters<Binding['createList']> extends [...infer Packed, unknown] ? Packed : never;

const nativeCreateList = translated(addon.createList);
const nativeCreateOrAttachList = translated(addon.createOrAttachList);

export function createList(...args: [...Values, CheckedCreateOptions]): NativeListInSegment {
  const random = nativeCreateList(...args);
  return latestListIn((args[4].name ?? random) as string);
}

/** Attaches to the list that the options name, or creates it. */
export function createOrAttachList(...args: [...Values, CheckedCreateOptions & { name: string }]): NativeListInSegment {
  nativeCreateOrAttachList(...args);
  return latestListIn(args[4].name);
}

/** Attaches to the list in the segment of that name. */
export function attachListNamed(name: string, readOnly: boolean, allowForeign: boolean): NativeListInSegment {
  attachBy(nativeAttachList, name, readOnly, allowForeign);
  return latestListIn(name);
}

/** Finds the list in the segment with that number. */
export function attachList(handle: number): NativeList {
  latest[at.handle] = handle;
  try {
    findList();
  } catch (thrown) {
    throw fromNative(thrown);
  }
  return latestList(handle);
}

export const listBuffer = translated(addon.listBuffer);
export const detachListBuffer = translated(addon.detachListBuffer);
export const listFind = translated(addon.listFind);
export const listCount = translated(addon.listCount);
export const listCapacity = translated(addon.listCapacity);
export const listFormat = translated(addon.listFormat);

/** Reads a slot of the list in the segment with that number. */
export function listGet(handle: number, index: number): Storable {
  latest[at.handle] = handle;
  latest[at.index] = index;
  try {
    return getSlot();
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Writes a slot of the list in the segment with that number. */
export function listSet(handle: number, index: number, value: Storable): void {
  latest[at.handle] = handle;
  latest[at.index] = index;
  try {
    setSlot(value);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

export const listAdd: Binding['listAdd'] = (list, index, delta) => {
  try {
    return addon.listAdd(list, index, delta);
  } catch (thrown) {
    throw fromNative(thrown);
  }
};
