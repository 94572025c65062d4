export { pageSize } from './binding.js';
export {
  LayoutError,
  OutOfSharedMemoryError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  SharedMemoryError,
} from './errors.js';
export type { SharedMemoryErrorDetails } from './errors.js';
export type { AttachOptions, CreateOptions } from './options.js';
export { ShareableList } from './shareable-list.js';
export type { ShareableListHandle } from './shareable-list.js';
export { SharedMemory, roundUpToPage } from './shared-memory.js';
export type { SharedMemoryHandle, TypedArrayConstructor } from './shared-memory.js';
export type { Storable } from './values.js';
