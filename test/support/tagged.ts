/** Values as JSON, for `test/interop/fixtures/tagged.py` on the other side. */
import type { Storable } from 'shareable';

import { isInteger } from './storables.ts';

/** A value with the tag of the type that Python gives it. */
export type Tagged = ['int' | 'float' | 'bytes', string] | ['plain', string | boolean | null];

/** A value for Python; a number becomes an int where a list stores it as one. */
export function toPython(value: Storable): Tagged {
  if (typeof value === 'bigint') return ['int', String(value)];
  if (typeof value === 'number') {
    if (isInteger(value)) return ['int', String(value)];
    return ['float', Object.is(value, -0) ? '-0.0' : String(value)];
  }
  if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('base64')];
  return ['plain', value];
}

/** A value from Python, as a list returns it. */
export function fromPython([tag, content]: Tagged): Storable {
  if (tag === 'int') {
    const number = Number(content);
    return Number.isSafeInteger(number) ? number : BigInt(content);
  }
  if (tag === 'float') return Number(content.replace('inf', 'Infinity'));
  if (tag === 'bytes') return Uint8Array.from(Buffer.from(content, 'base64'));
  return content;
}
