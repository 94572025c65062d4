/** What all classes of this folder have in common: the participant in a segment, and how it waits. */
import { Doorbell } from '../channel/doorbell.js';
import { takeBack } from '../construct.js';
import {
  announceAttachment,
  announceClose,
  announceDisposal,
  announceOpening,
  announceUnlink,
  isWatched,
  PRIMITIVE_WAIT,
  primitiveRecovered,
  watch,
  watchAsync,
} from '../diagnostics/channels.js';
import { SharedMemoryError, closed } from '../errors.js';
import type { NativeGate } from '../native/binding.js';
import {
  attachGate,
  closeGate,
  createGate,
  disposeGate,
  gateBuffer,
  gateCheck,
  gateEnvironment,
  gateFacts,
  gateLayout,
  gateTry,
  gateWait,
  losses,
  unlinkGate,
} from '../native/binding.js';
import type { CheckedCreateOptions, Handle } from '../options.js';
import { checkBoolean, checkOptions, checkTarget } from '../options.js';
import type { PrimitiveAttachOptions } from './attach-options.js';
import { GateQueue } from './queue.js';
import { Tally } from './tally.js';
import type { CheckedWait } from './wait.js';

/** What a gate is, as in the core; and its name in messages. */
export const purposes = {
  SharedValue: [1, 'shared value'],
  Semaphore: [2, 'semaphore'],
  SharedEvent: [3, 'event'],
  RwLock: [4, 'readers-writer lock'],
  Barrier: [5, 'barrier'],
  Condition: [6, 'condition'],
} as const;

/** The classes of this folder. */
export type Type = keyof typeof purposes;

/** What to wait for. */
export const PERMIT = 0;
export const READ = 1;
export const WRITE = 2;
export const CHANGE = 3;

/** What a native call says when there is time left to wait. */
const AGAIN = -2;

const NOTHING = new Uint8Array();

/** What is published about an instance. */
const factsOf = ({ handle }: NativeGate) => gateFacts(handle);

let environment: ReturnType<typeof gateEnvironment> | undefined;

/** Ends the use of a gate over which no instance could be made, and unlinks a new one. */
function leaveGate({ handle }: NativeGate): void {
  if (gateFacts(handle).isNew) takeBack(() => unlinkGate(handle));
  takeBack(() => disposeGate(handle));
}

/** One participant. */
export class Gate {
  readonly type: Type;
  readonly noun: string;
  readonly native: NativeGate;
  /** The words of the segment; empty after close. */
  readonly words: Int32Array;
  /** The tasks that wait. */
  readonly queue: GateQueue;
  /** What this instance holds: the guards that it has given out and not got back. */
  readonly held = new Tally();
  isClosed = false;
  #isUnlinked = false;
  /** The state of the counter of truncated segments at which this one was last known to be whole. */
  #losses = losses[0];
  readonly #buffer: ArrayBuffer;
  readonly #bell: Doorbell;

  private constructor(type: Type, native: NativeGate) {
    this.type = type;
    this.noun = purposes[type][1];
    this.native = native;
    this.#buffer = gateBuffer(native.handle);
    this.words = new Int32Array(this.#buffer, 0, Math.floor(this.#buffer.byteLength / Int32Array.BYTES_PER_ELEMENT));
    this.#bell = new Doorbell(native.bell, () => this.queue.wake());
    this.queue = new GateQueue(native.handle, this.#bell);
  }

  static #open(type: Type, native: NativeGate): Gate {
    try {
      return new Gate(type, native);
    } catch (error) {
      leaveGate(native);
      throw error;
    }
  }

  /** Makes the instance of a public class over an open gate. If that fails, the gate is closed, and unlinked if it is new. */
  static over<Instance>(gate: Gate, make: () => Instance): Instance {
    try {
      return make();
    } catch (error) {
      leaveGate(gate.native);
      gate.close();
      throw error;
    }
  }

  /** Creates one; with a `sharedName`, attaches to the one of that name if there is one. */
  static create(
    type: Type,
    options: CheckedCreateOptions,
    limit: number,
    sharedName?: string,
    value: { codec: number; capacity: number; first: Uint8Array } = { codec: 0, capacity: 0, first: NOTHING },
  ): Gate {
    environment ??= gateEnvironment();
    const isShared = sharedName !== undefined;
    const named = isShared ? { ...options, name: sharedName } : options;
    const { codec, capacity, first } = value;
    const [purpose] = purposes[type];
    const native = createGate(environment, named, isShared, purpose, limit, codec, capacity, first);
    return Gate.#open(type, announceOpening(type, native, factsOf));
  }

  static attach(type: Type, target: string | Handle<Type>, options: PrimitiveAttachOptions | undefined): Gate {
    const name = checkTarget(target, type);
    const { allowForeign } = checkOptions(options, ['allowForeign']);
    const isForeignAllowed = checkBoolean('option allowForeign', allowForeign, false);
    environment ??= gateEnvironment();
    const native = attachGate(environment, name, isForeignAllowed, purposes[type][0]);
    return Gate.#open(type, announceAttachment(type, native, factsOf));
  }

  get name(): string {
    return this.native.name;
  }

  /**
   * The word at an offset of the layout; 0 after close.
   *
   * @throws {SharedMemoryError} `ERR_SHM_TRUNCATED` when the segment was truncated
   */
  word(offset: number): number {
    if (this.isClosed) return 0;
    const word = Atomics.load(this.words, offset) >>> 0;
    this.checkWhole();
    return word;
  }

  /** The phase now. Otherwise as {@link word}. */
  get phase(): number {
    return this.word(gateLayout.phase);
  }

  /** Whether a segment of this process was truncated since this one was last known to be whole. */
  get mayBeTruncated(): boolean {
    return this.#losses !== losses[0];
  }

  /**
   * Checks what was read from the segment: zeros that replace truncated memory are not its contents.
   *
   * @throws {SharedMemoryError} `ERR_SHM_TRUNCATED` when another process has truncated the segment
   */
  checkWhole(): void {
    if (!this.mayBeTruncated) return;
    gateCheck(this.native.handle);
    this.#losses = losses[0];
  }

  /** @throws {SegmentClosedError} `ERR_SHM_CLOSED` after close */
  check(): void {
    if (this.isClosed) throw this.#closedError();
  }

  /**
   * Waits, blocking the thread. Returns whether a participant died that held it; `undefined` when the time is over.
   *
   * @param errors say what the end of the time means, to those that watch
   */
  wait(wanted: number, phase: number, timeout: number, errors: WaitErrors): boolean | undefined {
    if (!isWatched(PRIMITIVE_WAIT)) return this.#block(wanted, phase, timeout);
    const taken = this.take(wanted, phase);
    if (taken !== undefined) return taken;
    return watch(
      PRIMITIVE_WAIT,
      { kind: this.type, name: this.name, isAsync: false, timeout },
      () => this.#block(wanted, phase, timeout),
      (outcome) => (outcome === undefined ? errors.timedOut() : undefined),
    );
  }

  #block(wanted: number, phase: number, timeout: number): boolean | undefined {
    const { handle } = this.native;
    let taken = gateWait(handle, wanted, phase, timeout, true);
    while (taken === AGAIN) taken = gateWait(handle, wanted, phase, timeout, false);
    // The blocking wait has used the entry with which the tasks wait.
    this.queue.renew();
    return taken < 0 ? undefined : taken === 1;
  }

  /** Takes what is wanted if that is possible now. */
  take(wanted: number, phase: number): boolean | undefined {
    const taken = gateTry(this.native.handle, wanted, phase);
    if (taken >= 0) this.queue.renew();
    return taken < 0 ? undefined : taken === 1;
  }

  /** Waits without blocking. */
  waitAsync(wanted: number, phase: number, wait: CheckedWait, errors: WaitErrors): Promise<boolean> {
    if (!isWatched(PRIMITIVE_WAIT)) return this.queue.wait(wanted, phase, wait, errors);
    const message = { kind: this.type, name: this.name, isAsync: true, timeout: wait.timeout } as const;
    return watchAsync(PRIMITIVE_WAIT, message, () => this.queue.wait(wanted, phase, wait, errors));
  }

  /** Publishes that what this instance has acquired was held by a participant that died. */
  announceRecovery(): void {
    if (primitiveRecovered.hasSubscribers) primitiveRecovered.publish({ kind: this.type, name: this.name });
  }

  unlink(): void {
    unlinkGate(this.native.handle);
    this.#isUnlinked = true;
    announceUnlink(this.type, this.name);
  }

  close(): void {
    if (!this.isClosed) this.#end(() => {});
  }

  dispose(): void {
    this.#end(() => disposeGate(this.native.handle));
    this.#isUnlinked = announceDisposal(this.type, this.native, this.#isUnlinked, factsOf);
  }

  /** What to print. */
  describe(state: () => string): string {
    let text = ', closed';
    try {
      if (!this.isClosed) text = state();
    } catch {
      text = ', truncated';
    }
    return `${this.type}('${this.name}'${text})`;
  }

  #closedError(): Error {
    return closed(this.noun, this.name);
  }

  /** Closes, after `finish`, which may fail. */
  #end(finish: () => void): void {
    if (this.isClosed) return finish();
    if (this.held.shared + this.held.written > 0) {
      const message = `${this.noun} '${this.name}' is held by this instance: release it before closing it`;
      throw new SharedMemoryError(message, { code: 'ERR_SHM_LOCK_HELD', segment: this.name });
    }
    announceClose(this.type, this.name);
    this.isClosed = true;
    this.queue.close(() => this.#closedError());
    this.#bell.close();
    try {
      finish();
    } finally {
      closeGate(this.native.handle, this.#buffer);
    }
  }
}

/** The errors of a wait. */
export interface WaitErrors {
  timedOut(): Error;
  aborted(signal: AbortSignal): Error;
}
