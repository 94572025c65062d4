import type { AttachOptions } from '../options.js';

/** How to attach to a semaphore, an event or the like, which cannot be attached read-only. */
export type PrimitiveAttachOptions = Pick<AttachOptions, 'allowForeign'>;
