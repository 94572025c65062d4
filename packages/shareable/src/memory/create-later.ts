/** Creating a segment without holding up the event loop. */
import type { NativeSegment } from '../native/binding.js';
import { cancelCreation, claimCreation, createSegmentLater } from '../native/binding.js';
import { fromNative } from '../errors.js';
import type { CheckedCreateOptions } from '../options.js';

/** Numbers the creations of this thread that are under way. */
let last = 0;

/** Creates a segment on a thread of its own. When `signal` is aborted, nothing is left and its reason is thrown. */
export async function createLater(
  size: number,
  options: CheckedCreateOptions,
  signal: AbortSignal | undefined,
): Promise<NativeSegment> {
  if (isAborted(signal)) throw signal?.reason;
  last = (last + 1) >>> 0;
  const id = last;
  const cancel = () => cancelCreation(id);
  signal?.addEventListener('abort', cancel);
  try {
    const { name, error } = await createSegmentLater(size, options, id);
    if (isAborted(signal)) {
      // The signal may have been aborted without an event: by a listener before, which stopped its propagation.
      cancel();
      throw signal?.reason;
    }
    if (error !== null && error !== undefined) throw fromNative(error);
    return claimCreation(id, name as string);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** Asked twice: in between, the program has run. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
