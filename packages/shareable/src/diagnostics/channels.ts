/**
 * The channels of `node:diagnostics_channel` that the package publishes on. Without subscribers, an operation costs one look
 * at `hasSubscribers`; the fast paths of lists and locks have no look at all.
 */
import { clock } from '../native/clock.js';
import type { Channel } from 'node:diagnostics_channel';
import { channel } from 'node:diagnostics_channel';

import { printMessages } from './debug.js';
import type { DiagnosticsMessages, SegmentKind } from './messages.js';

/** A channel with the type of its messages. */
export interface Source<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

/** All channels by name. Node keeps a channel only as long as something refers to it. */
const all = new Map<keyof DiagnosticsMessages, Channel>();

function source<Name extends keyof DiagnosticsMessages>(name: Name): Source<DiagnosticsMessages[Name]> {
  const made = channel(name);
  all.set(name, made);
  return made as Source<DiagnosticsMessages[Name]>;
}

const created = source('shareable:create');
const attached = source('shareable:attach');
const closed = source('shareable:close');
const unlinked = source('shareable:unlink');
const swept = source('shareable:sweep');
export const lockWait: Source<DiagnosticsMessages['shareable:lock:wait']> = source('shareable:lock:wait');
export const lockWaited: Source<DiagnosticsMessages['shareable:lock:waited']> = source('shareable:lock:waited');
export const lockRecovered: Source<DiagnosticsMessages['shareable:lock:recovered']> =
  source('shareable:lock:recovered');
export const channelWait: Source<DiagnosticsMessages['shareable:channel:wait']> = source('shareable:channel:wait');
export const channelWaited: Source<DiagnosticsMessages['shareable:channel:waited']> =
  source('shareable:channel:waited');
export const redelivered: Source<DiagnosticsMessages['shareable:channel:redelivered']> = source(
  'shareable:channel:redelivered',
);
export const producerDied: Source<DiagnosticsMessages['shareable:channel:producer-died']> = source(
  'shareable:channel:producer-died',
);
export const primitiveWait: Source<DiagnosticsMessages['shareable:primitive:wait']> =
  source('shareable:primitive:wait');
export const primitiveWaited: Source<DiagnosticsMessages['shareable:primitive:waited']> =
  source('shareable:primitive:waited');
export const primitiveRecovered: Source<DiagnosticsMessages['shareable:primitive:recovered']> = source(
  'shareable:primitive:recovered',
);
export const managerStart: Source<DiagnosticsMessages['shareable:manager:start']> = source('shareable:manager:start');
export const managerConnect: Source<DiagnosticsMessages['shareable:manager:connect']> =
  source('shareable:manager:connect');
export const managerShutdown: Source<DiagnosticsMessages['shareable:manager:shutdown']> =
  source('shareable:manager:shutdown');

/** The facts that are published. The objects that the addon returns for segments have them; those for others do not. */
interface Facts {
  readonly size: number;
  readonly isOwner: boolean;
  readonly isReadOnly?: boolean;
  /** The process whose segment was removed to get the name: -1 if none was, 0 if its owner is unknown. */
  readonly sweptOwner: number;
}

/** Publishes that a segment of a dead owner was removed, if one was. */
export function announceSweep(name: string, { sweptOwner }: Pick<Facts, 'sweptOwner'>): void {
  if (sweptOwner >= 0 && swept.hasSubscribers) swept.publish({ name, owner: sweptOwner === 0 ? null : sweptOwner });
}

/** Publishes that an object was created, after what was swept for its name, and returns the object. */
export function announceCreation<Native extends Facts & { name: string }>(kind: SegmentKind, native: Native): Native;
export function announceCreation<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  factsOf: (native: Native) => Facts,
): Native;
export function announceCreation<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  factsOf?: (native: Native) => Facts,
): Native {
  const isWanted = created.hasSubscribers;
  // Asking the addon for facts takes longer than a look.
  if (factsOf !== undefined && !isWanted && !swept.hasSubscribers) return native;
  const facts = factsOf?.(native) ?? (native as Native & Facts);
  announceSweep(native.name, facts);
  if (isWanted) created.publish({ kind, name: native.name, size: facts.size, isOwner: facts.isOwner });
  return native;
}

/** Publishes that an object was attached, and returns the object. */
export function announceAttachment<Native extends Facts & { name: string }>(kind: SegmentKind, native: Native): Native;
export function announceAttachment<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  factsOf: (native: Native) => Facts,
): Native;
export function announceAttachment<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  factsOf?: (native: Native) => Facts,
): Native {
  if (!attached.hasSubscribers) return native;
  const { size, isReadOnly = false } = factsOf?.(native) ?? (native as Native & Facts);
  attached.publish({ kind, name: native.name, size, isReadOnly });
  return native;
}

/** Publishes that an object was created or attached, whichever it was, after what was swept for its name. */
export function announceOpening<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  factsOf: (native: Native) => Facts & { readonly isNew: boolean },
): Native {
  if (!created.hasSubscribers && !attached.hasSubscribers && !swept.hasSubscribers) return native;
  const facts = factsOf(native);
  if (facts.isNew) return announceCreation(kind, native, () => facts);
  // Another process may have taken the name after the sweep.
  announceSweep(native.name, facts);
  return announceAttachment(kind, native, () => ({ isReadOnly: false, ...facts }));
}

/**
 * Publishes that an object was disposed of, which removes the name if the object owns the segment and has not removed it
 * before. Returns whether the object has removed it.
 */
export function announceDisposal<Native extends { name: string }>(
  kind: SegmentKind,
  native: Native,
  isUnlinked: boolean,
  factsOf: (native: Native) => { readonly isOwner: boolean },
): boolean {
  if (isUnlinked || !unlinked.hasSubscribers || !factsOf(native).isOwner) return isUnlinked;
  unlinked.publish({ kind, name: native.name });
  return true;
}

/** Publishes that an object was closed in this process. */
export function announceClose(kind: SegmentKind, name: string): void {
  if (closed.hasSubscribers) closed.publish({ kind, name });
}

/** Publishes that an object's name was removed. */
export function announceUnlink(kind: SegmentKind, name: string): void {
  if (unlinked.hasSubscribers) unlinked.publish({ kind, name });
}

/** The two channels of waits for something. */
type Pair<Message> = readonly [
  begin: Source<Message>,
  end: Source<Message & { readonly milliseconds: number; readonly error: unknown }>,
];

export const LOCK_WAIT = [lockWait, lockWaited] as const;
export const CHANNEL_WAIT = [channelWait, channelWaited] as const;
export const PRIMITIVE_WAIT = [primitiveWait, primitiveWaited] as const;

/** Whether a wait has to be published. */
export function isWatched<Message>([begin, end]: Pair<Message>): boolean {
  return begin.hasSubscribers || end.hasSubscribers;
}

/**
 * Publishes the beginning and the end of `wait`, which blocks.
 *
 * @param errorOf the error that a result stands for
 */
export function watch<Message, Result>(
  [begin, end]: Pair<Message>,
  message: Message,
  wait: () => Result,
  errorOf?: (result: Result) => unknown,
): Result {
  const start = clock();
  let error: unknown;
  if (begin.hasSubscribers) begin.publish(message);
  try {
    const result = wait();
    error = errorOf?.(result);
    return result;
  } catch (thrown) {
    error = thrown;
    throw thrown;
  } finally {
    if (end.hasSubscribers) end.publish({ ...message, milliseconds: clock() - start, error });
  }
}

/** Publishes the beginning and the end of `wait`, which does not block. */
export async function watchAsync<Message, Result>(
  [begin, end]: Pair<Message>,
  message: Message,
  wait: () => Promise<Result>,
): Promise<Result> {
  const start = clock();
  let error: unknown;
  if (begin.hasSubscribers) begin.publish(message);
  try {
    return await wait();
  } catch (thrown) {
    error = thrown;
    throw thrown;
  } finally {
    if (end.hasSubscribers) end.publish({ ...message, milliseconds: clock() - start, error });
  }
}

printMessages(all);
