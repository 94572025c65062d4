/**
 * Creates a segment exactly once, however many processes ask for it at the same time.
 *
 * A maker is the process that has created the *gate*: a tiny segment of its own, whose name follows from the name that is
 * wanted. Creating it is exclusive, and it goes with its thread, or with its process, whose tracker unlinks it. So no server
 * is needed, and a waiter only looks whether the wanted segment is there, or the gate is gone.
 */
import { clock } from '../native/clock.js';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { announceAttachment, announceCreation, announceSweep } from '../diagnostics/channels.js';
import { LayoutError, SegmentAccessError, SegmentExistsError, SharedMemoryError } from '../errors.js';
import { dispose } from '../dispose.js';
import type { NativeSegment } from '../native/binding.js';
import {
  attachUnlessStale,
  enterOnce,
  leaveOnce,
  closeSegment,
  copySegment,
  createSegment,
  draftSegment,
  dropDraft,
  publishDraft,
} from '../native/binding.js';
import type { CheckedCreateOptions } from '../options.js';
import { checkSize } from '../options.js';

/** A segment as the class wraps it. */
interface Instance {
  readonly buf: Uint8Array;
  close(): void;
  [dispose](): void;
}

/** What a call of `once` asks for. */
export interface Request<Shm extends Instance> {
  name: string;
  make: (create: (size: number) => Shm) => void | Promise<void>;
  options: CheckedCreateOptions;
  /** Milliseconds, or Infinity. */
  timeout: number;
  signal: AbortSignal | undefined;
  wrap: (native: NativeSegment) => Shm;
}

/** A call of `make` that runs, and the one in which it was called. */
interface Making {
  readonly name: string;
  readonly outer: Making | undefined;
  hasEnded: boolean;
}

/** In which call of `make` the program is, through all its promises and callbacks. */
const within = new AsyncLocalStorage<Making>();
/** How many calls of `make` run. While none does, Node before 24 need not follow promises. */
let makingCount = 0;

/** Runs `make` so that {@link refuseWithin} notices a call within it. */
async function runWithin(name: string, make: () => void | Promise<void>): Promise<void> {
  const making: Making = { name, outer: within.getStore(), hasEnded: false };
  makingCount += 1;
  try {
    await within.run(making, make);
  } finally {
    making.hasEnded = true;
    makingCount -= 1;
    if (makingCount === 0) within.disable();
  }
}

/** Throws when the program is in the `make` of this segment, and would wait for itself. */
function refuseWithin(name: string): void {
  for (let making = within.getStore(); making !== undefined; making = making.outer) {
    if (making.name !== name || making.hasEnded) continue;
    throw new SharedMemoryError(`make() of segment '${name}' asks for the same segment, and would wait for itself`, {
      code: 'ERR_SHM_ONCE',
      segment: name,
    });
  }
}

/** Milliseconds between two looks at a segment that another process makes: the first pause, and the longest one. */
const PAUSES = [1, 20] as const;

/**
 * Milliseconds for which a segment may stay half made although no maker is at work: the tracker of one that died is about to
 * remove it, and removes the gate first.
 */
const CLEANUP = 2000;

/** The name of the gate: short enough for macOS. */
function gateOf(name: string): string {
  return `once_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
}

/** Attaches to the segment, if it is there. One that a dead owner has left behind does not count, and is removed. */
function attachIfThere(name: string): NativeSegment | undefined {
  const { segment, sweptOwner } = attachUnlessStale(name);
  announceSweep(name, { sweptOwner });
  return segment;
}

/**
 * Attaches to the segment, if it is there and complete. Where a segment cannot be hidden, its maker has the gate from before
 * the segment exists until it is complete, so the gate is looked at last.
 */
function attachIfComplete(name: string): NativeSegment | undefined {
  let segment: NativeSegment | undefined;
  try {
    segment = attachIfThere(name);
  } catch (error) {
    // It has taken its maker longer to fill it than an attach waits.
    if (error instanceof LayoutError && isBeingMade(name)) return undefined;
    throw error;
  }
  if (segment === undefined || !isBeingMade(name)) return segment;
  closeSegment(segment.handle, undefined);
  return undefined;
}

/** Attaches to the segment, if it is there and complete now. */
export function attachAtOnce(name: string): NativeSegment | undefined {
  try {
    return attachIfComplete(name);
  } catch (error) {
    // Whether it stays like that is for `once` to find out.
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

function isBeingMade(name: string): boolean {
  const { segment } = attachUnlessStale(gateOf(name));
  if (segment !== undefined) closeSegment(segment.handle, undefined);
  return segment !== undefined;
}

/** Throws when something that no maker of this user has created has the name of the gate: it may stay for ever. */
function refuseForeign(name: string): void {
  try {
    isBeingMade(name);
  } catch (error) {
    if (error instanceof SegmentAccessError) throw error;
  }
}

/** A segment that is being filled. */
interface Draft<Shm> {
  shm: Shm;
  /** Makes it visible under its name, and gives the instance that the caller of `once` gets. */
  publish: () => Shm;
  discard: () => void;
}

function draft<Shm extends Instance>(request: Request<Shm>, size: number): Draft<Shm> {
  const { name, options, wrap } = request;
  let hidden: ReturnType<typeof draftSegment>;
  try {
    hidden = draftSegment(size, { ...options, name });
  } catch (error) {
    if (!(error instanceof SharedMemoryError) || error.code !== 'ERR_SHM_UNSUPPORTED') throw error;
    return draftElsewhere(request, size);
  }
  const shm = wrap(announceCreation('SharedMemory', hidden.segment));
  const discard = () => {
    dropDraft(hidden.draft);
    shm.close();
  };
  const publish = () => {
    publishDraft(hidden.draft);
    return shm;
  };
  return { shm, publish, discard };
}

/** Where a segment cannot be hidden: another one is filled, and copied. */
function draftElsewhere<Shm extends Instance>({ name, options, wrap }: Request<Shm>, size: number): Draft<Shm> {
  const { name: _, manager: __, ...others } = options;
  const native = announceCreation('SharedMemory', createSegment(size, { ...others, track: true }));
  const scratch = wrap(native);
  const discard = () => scratch[dispose]();
  const publish = () => {
    const shm = wrap(announceCreation('SharedMemory', copySegment(native.handle, { ...options, name })));
    discard();
    return shm;
  };
  return { shm: scratch, publish, discard };
}

/** Runs `make`, and publishes what it has made. */
async function runMake<Shm extends Instance>(request: Request<Shm>): Promise<Shm> {
  const { name, make, wrap } = request;
  let made: Draft<Shm> | undefined;
  let isOver = false;
  const create = (size: number): Shm => {
    if (isOver || made !== undefined) {
      const why = isOver ? 'after make() had ended' : 'twice';
      throw new SharedMemoryError(`create() of segment '${name}' was called ${why}`, {
        code: 'ERR_SHM_ONCE',
        segment: name,
      });
    }
    made = draft(request, checkSize(size));
    return made.shm;
  };
  try {
    await runWithin(name, () => make(create));
    isOver = true;
    // Assigned in a closure, which the compiler does not follow.
    const finished = made as Draft<Shm> | undefined;
    if (finished === undefined) {
      throw new SharedMemoryError(`make() has ended without creating segment '${name}': call create(size) in it`, {
        code: 'ERR_SHM_ONCE',
        segment: name,
      });
    }
    return finished.publish();
  } catch (error) {
    isOver = true;
    (made as Draft<Shm> | undefined)?.discard();
    // Another process has created one of that name by other means: that one is it.
    if (error instanceof SegmentExistsError) {
      const existing = attachIfThere(name);
      if (existing !== undefined) return wrap(announceAttachment('SharedMemory', existing));
    }
    throw error;
  }
}

function aborted(name: string, signal: AbortSignal): SharedMemoryError {
  return new SharedMemoryError(`the wait for segment '${name}' was aborted`, {
    code: 'ABORT_ERR',
    segment: name,
    cause: signal.reason,
  });
}

/** Attaches to the segment; makes it if it does not exist and no other process is making it; otherwise waits for the maker. */
export async function once<Shm extends Instance>(request: Request<Shm>): Promise<Shm> {
  const { name, options, timeout, signal, wrap } = request;
  const start = clock();
  let [pause] = PAUSES as readonly [number, number];
  /** Since when the segment has been half made, without a maker at work. */
  let abandonedSince: number | undefined;
  for (;;) {
    if (signal?.aborted === true) throw aborted(name, signal);
    try {
      const existing = attachIfComplete(name);
      if (existing !== undefined) return wrap(announceAttachment('SharedMemory', existing));
      abandonedSince = undefined;
    } catch (error) {
      const now = clock();
      abandonedSince ??= now;
      const isOver = now - start >= timeout || now - abandonedSince >= CLEANUP;
      if (!(error instanceof LayoutError) || isOver) throw error;
    }
    refuseWithin(name);
    const gate = gateOf(name);
    // Becomes the maker, unless another call, thread or process is.
    if (abandonedSince === undefined && enterOnce(gate, options.origin === '' ? undefined : options.origin)) {
      try {
        // Another maker may have finished between the two looks, or died.
        let finished: NativeSegment | undefined;
        try {
          finished = attachIfThere(name);
        } catch (error) {
          if (!(error instanceof LayoutError)) throw error;
          continue;
        }
        return finished === undefined ? await runMake(request) : wrap(announceAttachment('SharedMemory', finished));
      } finally {
        leaveOnce(gate);
      }
    }
    refuseForeign(name);
    const left = timeout - (clock() - start);
    if (left <= 0) {
      throw new SharedMemoryError(
        `segment '${name}' was not complete within ${timeout} ms: its maker is still at work`,
        {
          code: 'ETIMEDOUT',
          segment: name,
        },
      );
    }
    try {
      await sleep(Math.min(pause, left), undefined, { signal });
    } catch {
      throw aborted(name, signal as AbortSignal);
    }
    pause = Math.min(2 * pause, PAUSES[1]);
  }
}
