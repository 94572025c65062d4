/** What goes wrong while encoding and decoding. */
import { LayoutError, invalidType, outOfRange } from '../errors.js';
import { checkInteger } from '../options.js';

/** The error for bytes that are not what the codec writes. */
export function undecodable(what: string, why: string, cause?: unknown): LayoutError {
  return new LayoutError(`these bytes are not ${what}: ${why}`, { code: 'ERR_SHM_LAYOUT', cause });
}

/** Checks the number of bytes that a codec reserves. */
export function checkReserved(length: number): void {
  if (Number.isInteger(length) && length >= 0) return;
  checkInteger('the number of bytes that a codec reserves', length, 0, Number.MAX_SAFE_INTEGER);
}

/** Checks the number of bytes that a codec has used of those that it has reserved, which are -1 if it has reserved none. */
export function checkUsed(used: number, reserved: number): void {
  if (Number.isInteger(used) && used >= 0 && used <= reserved) return;
  if (reserved < 0) throw invalidType('ERR_INVALID_ARG_VALUE', 'a codec must call reserve before it returns');
  if (used > reserved) throw outOfRange('a codec has used more bytes than it has reserved');
  checkInteger('the number of bytes that a codec has used', used, 0, reserved);
}

/** The error for a codec that calls `reserve` again, or after `encode` has returned. */
export function reservedTwice(): TypeError {
  return invalidType('ERR_INVALID_ARG_VALUE', 'a codec must call reserve once, while it encodes');
}
