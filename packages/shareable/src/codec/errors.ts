/** What goes wrong while decoding. */
import { LayoutError } from '../errors.js';

/** The error for bytes that are not what the codec writes. */
export function undecodable(what: string, why: string, cause?: unknown): LayoutError {
  return new LayoutError(`these bytes are not ${what}: ${why}`, { code: 'ERR_SHM_LAYOUT', cause });
}
