/** Random bytes as lists: whatever they are, there are only values and typed errors. */
import * as fc from 'fast-check';
import type { Storable } from 'shareable';
import { ShareableList, SharedMemory, SharedMemoryError } from 'shareable';
import { describe, expect, test } from 'vitest';

import { returned, storable } from '../support/storables.ts';

const KINDS = new Set(['number', 'bigint', 'boolean', 'string', 'object']);

/** Whether an error is one that the library throws on purpose. */
function isOurs(error: unknown): boolean {
  const isKnown = error instanceof SharedMemoryError || error instanceof RangeError || error instanceof TypeError;
  return isKnown && 'code' in error;
}

/** Runs `use`; its errors have to be ours. */
function tolerate<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch (error) {
    if (!isOurs(error)) throw error;
    return undefined;
  }
}

/** Everything that can be done to the list in `shm`, if it is one. Tells whether it was. */
function exercise(shm: SharedMemory, value: Storable, disturb: () => void = () => {}): boolean {
  using list = tolerate(() => ShareableList.attach<Storable>(shm.name));
  if (list === undefined) return false;
  disturb();
  expect(list.length * 17).toBeLessThan(shm.size);
  for (let index = 0; index < Math.min(list.length, 50); index++) {
    const found = tolerate(() => list.get(index));
    expect(found === undefined || KINDS.has(typeof found)).toBe(true);
    tolerate(() => list.set(index, value));
    tolerate(() => list.add(index, 1));
  }
  tolerate(() => list.toArray());
  tolerate(() => list.indexOf(value));
  tolerate(() => list.count(value));
  tolerate(() => list.format);
  return true;
}

test('random bytes are rarely a list, and never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), storable, (bytes, value) => {
      using shm = SharedMemory.create(bytes.length);
      shm.buf.set(bytes);
      exercise(shm, value);
    }),
    { numRuns: 500 },
  );
});

/** Places and bytes to put there. */
const edits = fc.array(
  fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 3, 8, 16, 255), fc.integer({ min: 0, max: 255 }))),
  {
    minLength: 1,
    maxLength: 12,
  },
);

function edit(bytes: Uint8Array, changes: [number, number][], from = 0): void {
  for (const [place, byte] of changes) bytes[from + (place % (bytes.length - from))] = byte;
}

describe('a list of which some bytes were changed', () => {
  test('before attach is never a crash', () => {
    let lists = 0;
    fc.assert(
      fc.property(fc.array(storable, { maxLength: 8 }), edits, storable, (values, changes, value) => {
        using made = ShareableList.create(values);
        edit(made.shm.buf, changes);
        if (exercise(made.shm, value)) lists += 1;
      }),
      { numRuns: 1000 },
    );
    // Otherwise it has shown nothing. About 130 are lists.
    expect(lists).toBeGreaterThan(50);
  });

  test('after attach, by another writer, is never a crash', () => {
    fc.assert(
      fc.property(fc.array(storable, { minLength: 1, maxLength: 8 }), edits, storable, (values, changes, value) => {
        using made = ShareableList.create(values);
        exercise(made.shm, value, () => edit(made.shm.buf, changes));
      }),
      { numRuns: 500 },
    );
  });

  test('in its last slot can still be read in the others', () => {
    fc.assert(
      fc.property(fc.array(storable, { minLength: 2, maxLength: 8 }), fc.nat(255), (values, byte) => {
        using made = ShareableList.create(values);
        // The last code is the last byte.
        made.shm.buf[made.shm.size - 1] = byte;
        const others = values.slice(0, -1);
        expect(others.map((_, index) => made.get(index))).toEqual(others.map(returned));
      }),
      { numRuns: 200 },
    );
  });
});
