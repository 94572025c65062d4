/**
 * Named shared memory, and what is built on it: lists, arrays, locks, channels and managers.
 *
 * @module shareable
 */
export { Channel } from './channel/channel.js';
export type { ChannelHandle } from './channel/channel.js';
export { Message, Reservation } from './channel/message.js';
export type { ChannelAttachOptions, ChannelOptions } from './channel/options.js';
export type { Timeout, Wait } from './channel/wait-options.js';
export type * from './diagnostics/messages.js';
export { bytes } from './codec/bytes.js';
export { clone } from './codec/clone.js';
export type { Codec, Writable_ } from './codec/codec.js';
export { json } from './codec/json.js';
export { struct } from './codec/struct.js';
export type { Field, FieldType } from './codec/struct.js';
export { text } from './codec/text.js';
export { Barrier } from './gate/barrier.js';
export type { BarrierHandle } from './gate/barrier.js';
export { Condition } from './gate/condition.js';
export type { ConditionHandle } from './gate/condition.js';
export type { PrimitiveAttachOptions } from './gate/attach-options.js';
export { RwLock } from './gate/rw-lock.js';
export type { RwLockHandle, RwLockOptions } from './gate/rw-lock.js';
export { Semaphore } from './gate/semaphore.js';
export type { SemaphoreHandle } from './gate/semaphore.js';
export { SharedEvent } from './gate/shared-event.js';
export type { SharedEventHandle } from './gate/shared-event.js';
export { SharedValue } from './gate/shared-value.js';
export type { ChangedOptions, SharedValueHandle } from './gate/shared-value.js';
export type { SharedValueAttachOptions, SharedValueOptions } from './gate/value-options.js';
export type { Dtype, DtypeViews, TypedArray } from './array/dtypes.js';
export type { ArrayOrder } from './array/shape.js';
export { SharedArray } from './array/shared-array.js';
export type { ArrayFromOptions, ArrayOptions, SharedArrayHandle } from './array/shared-array.js';
export {
  AuthenticationError,
  BrokenBarrierError,
  ChannelAbortedError,
  ChannelEndedError,
  ChannelError,
  ChannelTimeoutError,
  LayoutError,
  LockAbortedError,
  LockTimeoutError,
  ManagerClosedError,
  MessageSizeError,
  NoConsumerError,
  OutOfSharedMemoryError,
  ProducerDiedError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  SharedMemoryError,
  SlotFullError,
  WaitAbortedError,
  WaitTimeoutError,
} from './errors.js';
export type { SharedMemoryErrorDetails } from './errors.js';
export { Lock } from './lock/lock.js';
export type { AcquireAsyncOptions, AcquireOptions, LockAttachOptions, LockHandle } from './lock/lock.js';
export { LockGuard } from './lock/guard.js';
export type { AttachOptions, CreateOptions } from './options.js';
export { SharedMemoryManager } from './manager/shared-memory-manager.js';
export type { ManagedOptions, SharedMemoryManagerOptions } from './manager/shared-memory-manager.js';
export { ShareableList } from './list/shareable-list.js';
export type { ShareableListHandle } from './list/shareable-list.js';
export { SharedMemory, pageSize, roundUpToPage } from './memory/shared-memory.js';
export type { Make, OnceOptions, SharedMemoryHandle, TypedArrayConstructor } from './memory/shared-memory.js';
export { slot } from './list/values.js';
export type { SizedValue, SlotValue, Storable } from './list/values.js';
