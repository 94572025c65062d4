/** What the package publishes on channels of `node:diagnostics_channel`: one type for each channel's messages. */

/** The class of a primitive other than a lock and a channel. */
export type PrimitiveKind = 'SharedValue' | 'Semaphore' | 'SharedEvent' | 'RwLock' | 'Barrier' | 'Condition';

/** The class of an object that has a segment. */
export type SegmentKind = 'SharedMemory' | 'ShareableList' | 'SharedArray' | 'Lock' | 'Channel' | PrimitiveKind;

/** What all messages about segments have: those of `shareable:close` and `shareable:unlink` have nothing else. */
export interface SegmentMessage {
  /** The class of the object. The segments of Arrow tables and of `once` are of the class `SharedMemory`. */
  readonly kind: SegmentKind;
  /** The name of its segment. */
  readonly name: string;
}

/** `shareable:create`: this thread has created a segment. */
export interface CreateMessage extends SegmentMessage {
  /** The size of the segment in bytes. */
  readonly size: number;
  /** Whether disposing of the object unlinks the segment. */
  readonly isOwner: boolean;
}

/** `shareable:attach`: this thread has attached to a segment. */
export interface AttachMessage extends SegmentMessage {
  /** The size of the segment in bytes. */
  readonly size: number;
  /** Whether writes stay in this process. */
  readonly isReadOnly: boolean;
}

/** `shareable:sweep`: this thread has removed the segment of a dead owner, because it wanted the segment's name. */
export interface SweepMessage {
  /** The name of the segment. */
  readonly name: string;
  /** The number of the process that left it behind; `null` where that is not on record. */
  readonly owner: number | null;
}

/** `shareable:lock:wait`: this thread, or one of its tasks, begins to wait for a lock that is not free. */
export interface LockWaitMessage {
  /** The name of the lock's segment. */
  readonly name: string;
  /** Whether the wait leaves the event loop free. */
  readonly isAsync: boolean;
  /** The longest time to wait, in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
}

/** `shareable:lock:waited`: a wait has ended. */
export interface LockWaitedMessage extends LockWaitMessage {
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
  /** The error that it ended with; `undefined` when the lock is acquired. */
  readonly error: unknown;
}

/** `shareable:lock:recovered`: this thread has acquired a lock whose last holder died. */
export interface LockRecoveredMessage {
  /** The name of the lock's segment. */
  readonly name: string;
}

/** `shareable:channel:wait`: this thread, or one of its tasks, begins to wait for a message or for room. */
export interface ChannelWaitMessage {
  /** The name of the channel's segment. */
  readonly name: string;
  /** What it waits for: the sending side waits for room, the receiving side for a message. */
  readonly side: 'send' | 'receive';
  /** Whether the wait leaves the event loop free. */
  readonly isAsync: boolean;
  /** The longest time to wait, in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
}

/** `shareable:channel:waited`: a wait has ended. */
export interface ChannelWaitedMessage extends ChannelWaitMessage {
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
  /** The error that it ended with; `undefined` for a message, for room, and for the end of the stream. */
  readonly error: unknown;
}

/** `shareable:channel:redelivered`: `read` got a message whose last reader died while it read it. */
export interface ChannelRedeliveredMessage {
  /** The name of the channel's segment. */
  readonly name: string;
}

/** `shareable:channel:producer-died`: producers died without `end()`. */
export interface ChannelProducerDiedMessage {
  /** The name of the channel's segment. */
  readonly name: string;
  /** How many. */
  readonly producers: number;
}

/** `shareable:primitive:wait`: this thread, or one of its tasks, begins to wait for a semaphore, an event or the like. */
export interface PrimitiveWaitMessage {
  /** The class of the object. */
  readonly kind: PrimitiveKind;
  /** The name of its segment. */
  readonly name: string;
  /** Whether the wait leaves the event loop free. */
  readonly isAsync: boolean;
  /** The longest time to wait, in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
}

/** `shareable:primitive:waited`: a wait has ended. */
export interface PrimitiveWaitedMessage extends PrimitiveWaitMessage {
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
  /** The error that it ended with, also where the method returns `false` at the end of the time; otherwise `undefined`. */
  readonly error: unknown;
}

/** `shareable:primitive:recovered`: this thread has acquired what a participant held when it died. */
export interface PrimitiveRecoveredMessage {
  /** The class of the object. */
  readonly kind: PrimitiveKind;
  /** The name of its segment. */
  readonly name: string;
}

/** `shareable:manager:start`, `shareable:manager:connect` and `shareable:manager:shutdown`. */
export interface ManagerMessage {
  /** Where the manager's server listens; `null` for a manager of this process alone. */
  readonly address: string | null;
  /** Whether this process started the server, is connected to it, or has a manager without a server. */
  readonly role: 'starter' | 'member' | 'alone';
}

/** The names of all channels, each with the type of its messages. */
export interface DiagnosticsMessages {
  'shareable:create': CreateMessage;
  'shareable:attach': AttachMessage;
  'shareable:close': SegmentMessage;
  'shareable:unlink': SegmentMessage;
  'shareable:sweep': SweepMessage;
  'shareable:lock:wait': LockWaitMessage;
  'shareable:lock:waited': LockWaitedMessage;
  'shareable:lock:recovered': LockRecoveredMessage;
  'shareable:channel:wait': ChannelWaitMessage;
  'shareable:channel:waited': ChannelWaitedMessage;
  'shareable:channel:redelivered': ChannelRedeliveredMessage;
  'shareable:channel:producer-died': ChannelProducerDiedMessage;
  'shareable:primitive:wait': PrimitiveWaitMessage;
  'shareable:primitive:waited': PrimitiveWaitedMessage;
  'shareable:primitive:recovered': PrimitiveRecoveredMessage;
  'shareable:manager:start': ManagerMessage;
  'shareable:manager:connect': ManagerMessage;
  'shareable:manager:shutdown': ManagerMessage;
}
