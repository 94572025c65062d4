/** Values for property tests, and what a list makes of them by the rules of its documentation. */
import * as fc from 'fast-check';
import type { Storable } from 'shareable';

const INT64_MAX = 2n ** 63n - 1n;

/** Text without half surrogate pairs, with much that is not ASCII. */
export const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', 'é', '日', '🦀', '\0'), maxLength: 12 }),
);

/** Any bytes, with many NULs. */
export const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.array(fc.constantFrom(0, 0, 1, 255), { maxLength: 20 }).map((values) => Uint8Array.from(values)),
);

/** Numbers of every kind. */
export const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, 2 ** 53, -(2 ** 53), 2 ** 63, 1.5, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE),
);

/** Integers of 64 bits. */
export const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: INT64_MAX }),
  fc.constantFrom(0n, INT64_MAX, -(2n ** 63n), 2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n),
);

/** Anything that a list can hold. */
export const storable: fc.Arbitrary<Storable> = fc.oneof(number, int64, fc.boolean(), text, bytes, fc.constant(null));

/** The bytes of text or bytes; `undefined` for anything else. */
export function bytesOfText(value: Storable): Uint8Array | undefined {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  return value instanceof Uint8Array ? value : undefined;
}

/** The size of the slot that is made for a value. */
export function slotSize(value: Storable): number {
  const content = bytesOfText(value);
  return content === undefined ? 8 : 8 * (Math.floor(content.length / 8) + 1);
}

/** Whether a number is stored as an integer in a slot that holds none yet. */
export function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/** What comes back when `value` goes in. */
export function returned(value: Storable): Storable {
  if (typeof value !== 'bigint') return value instanceof Uint8Array ? Uint8Array.from(value) : value;
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

/** The format of a slot of `size` bytes that held `before` when `value` was written to it. */
export function formatAfter(value: Storable, size: number, before = ''): string {
  if (typeof value === 'number') return isInteger(value) && before !== 'd' ? 'q' : 'd';
  if (typeof value === 'bigint') return 'q';
  if (typeof value === 'boolean') return 'xxxxxxx?';
  const content = bytesOfText(value);
  if (content === undefined) return 'xxxxxx?x';
  return content.at(-1) === 0 ? `${content.length}s${size - content.length}x` : `${size}s`;
}

/** Whether two values are equal by the rules of `indexOf`. */
export function isSame(one: Storable, other: Storable): boolean {
  const [first, second] = [bytesOfText(one), bytesOfText(other)];
  if (first !== undefined || second !== undefined) {
    if (first === undefined || second === undefined || typeof one !== typeof other) return false;
    return Buffer.compare(first, second) === 0;
  }
  const isNumeric = (value: Storable) => typeof value === 'number' || typeof value === 'bigint';
  // `==` compares bigints and numbers by their values, exactly.
  // oxlint-disable-next-line eqeqeq
  if (isNumeric(one) && isNumeric(other)) return one == other || (Number.isNaN(one) && Number.isNaN(other));
  return one === other;
}
