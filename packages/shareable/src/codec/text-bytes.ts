/**
 * Text as bytes: a byte for each character if all of them fit one (latin1), else two (UTF-16). Both can be decoded while
 * another process changes the bytes; UTF-8 cannot, V8 crashes on it.
 */
import { Buffer } from 'node:buffer';

import type { Writable_ } from './codec.js';

/** How the characters are stored. */
export const LATIN1 = 1;
export const UTF16 = 2;

/** Up to this length a loop is faster than a call. */
const SHORT = 16;

/** Characters that do not fit one byte. The engine knows that text which it stores in single bytes has none. */
const WIDE = /[\u0100-\uffff]/;

/** How `text` is stored: {@link LATIN1} or {@link UTF16}. */
export function formOf(text: string): number {
  return WIDE.test(text) ? UTF16 : LATIN1;
}

/** Bytes of `text` in a form. */
export function bytesOf(text: string, form: number): number {
  return form === LATIN1 ? text.length : 2 * text.length;
}

/** What `write` and `toString` call once they know the encoding. Every runtime has them; the types and the manual do not. */
interface Direct {
  latin1Write?(text: string, start: number, length: number): number;
  latin1Slice?(start: number, end: number): string;
}

/** A Buffer over the same bytes. */
function asBuffer(bytes: Uint8Array): Buffer & Direct {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Writes `text` at `start`. */
export function writeText(bytes: Uint8Array, start: number, text: string, form: number): void {
  const { length } = text;
  if (form === LATIN1 && length <= SHORT) {
    for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i);
    return;
  }
  const buffer = asBuffer(bytes);
  if (form !== LATIN1) buffer.write(text, start, 2 * length, 'utf16le');
  else if (buffer.latin1Write === undefined) buffer.write(text, start, length, 'latin1');
  else buffer.latin1Write(text, start, length);
}

/** Reads text of `length` bytes at `start`. */
export function readText({ bytes }: Writable_, start: number, length: number, form: number): string {
  const buffer = asBuffer(bytes);
  const end = start + length;
  if (form !== LATIN1) return buffer.toString('utf16le', start, end);
  return buffer.latin1Slice === undefined ? buffer.toString('latin1', start, end) : buffer.latin1Slice(start, end);
}
