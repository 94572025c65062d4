/** Random values and random histories, against what the documentation says and against a model. */
import * as fc from 'fast-check';
import type { Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import { bytesOf } from '../support/segments.ts';
import { bytesOfText, formatAfter, int64, isSame, returned, slotSize, storable } from '../support/storables.ts';

const values = fc.array(storable, { maxLength: 20 });

describe('any values', () => {
  test('come back as they went in, to the creator and to others', () => {
    fc.assert(
      fc.property(values, (given) => {
        using list = ShareableList.create(given);
        using other = ShareableList.attach(list.name);
        expect(list.toArray()).toEqual(given.map(returned));
        expect(other.toArray()).toEqual(given.map(returned));
        for (const [index, value] of given.entries()) expect(other.get(index)).toEqual(returned(value));
      }),
      { numRuns: 400 },
    );
  });

  test('make a list of the size and formats of the layout', () => {
    fc.assert(
      fc.property(values, (given) => {
        using list = ShareableList.create(given);
        const slots = given.map(slotSize);
        const data = slots.reduce((sum, size) => sum + size, 0);
        expect(list.shm.size).toBe(8 + 8 * (given.length + 1) + data + 9 * given.length);
        expect(list.format).toBe(given.map((value, index) => formatAfter(value, slots[index] ?? 0)).join(''));
      }),
      { numRuns: 200 },
    );
  });

  test('are found at their index', () => {
    fc.assert(
      fc.property(values, storable, (given, wanted) => {
        using list = ShareableList.create(given);
        for (const value of [...given, wanted]) {
          expect(list.indexOf(value)).toBe(given.findIndex((other) => isSame(value, other)));
          expect(list.count(value)).toBe(given.filter((other) => isSame(value, other)).length);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('make the same bytes when they are set one by one as when they are created with', () => {
    fc.assert(
      fc.property(values, (given) => {
        using created = ShareableList.create(given);
        // A slot of the right size with something else in it.
        const others = given.map((value): Storable => {
          const size = slotSize(value);
          return bytesOfText(value) === undefined ? null : 'x'.repeat(size - 1);
        });
        using set = ShareableList.create(others);
        for (const [index, value] of given.entries()) set.set(index, value);
        expect(bytesOf(set.name)).toEqual(bytesOf(created.name));
      }),
      { numRuns: 200 },
    );
  });
});

/** One slot as the documentation has it. */
interface Slot {
  value: Storable;
  format: string;
  size: number;
}

class Model {
  readonly slots: Slot[];

  constructor(given: Storable[]) {
    this.slots = given.map((value) => {
      const size = slotSize(value);
      return { value: returned(value), format: formatAfter(value, size), size };
    });
  }

  /** Writes a value; tells how that ends. */
  set(slot: Slot, value: Storable): Outcome {
    if ((bytesOfText(value)?.length ?? 0) > slot.size) return 'exceeds available storage';
    slot.format = formatAfter(value, slot.size, slot.format);
    slot.value = returned(value);
    return undefined;
  }

  /** Adds; tells how that ends. */
  add(slot: Slot, delta: bigint): Outcome {
    const start = slot.value;
    if (slot.format === 'd' && Number.isInteger(start) && fitsInt64(start)) return this.#addToDouble(slot, delta);
    if (slot.format !== 'q') return 'add needs an integer';
    const sum = BigInt(start as number | bigint) + delta;
    if (!fitsInt64(sum)) return 'would pass 64 bits';
    slot.value = returned(sum);
    return slot.value as number | bigint;
  }

  #addToDouble(slot: Slot, delta: bigint): Outcome {
    const sum = BigInt(slot.value as number) + delta;
    const rounded = Number(sum);
    if (BigInt(rounded) !== sum || !fitsInt64(rounded)) return 'no double is exactly';
    slot.value = rounded;
    return rounded;
  }
}

/** Whether a whole number fits 64 bits. */
function fitsInt64(value: unknown): boolean {
  const integer = BigInt(value as number | bigint);
  return BigInt.asIntN(64, integer) === integer;
}

/** What a write returns, or what its error says. */
type Outcome = number | bigint | string | undefined;

function outcomeOf(write: () => Outcome | void): Outcome {
  try {
    return write() ?? undefined;
  } catch (error) {
    const reasons = /exceeds available storage|add needs an integer|would pass 64 bits|no double is exactly/;
    return reasons.exec((error as Error).message)?.[0] ?? String(error);
  }
}

type Step = { index: number; by: 0 | 1 } & ({ set: Storable } | { add: bigint });

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ index: fc.nat(5), by: fc.constantFrom(0, 1), set: storable }) },
    { weight: 1, arbitrary: fc.record({ index: fc.nat(5), by: fc.constantFrom(0, 1), add: int64 }) },
  ),
  { maxLength: 40 },
);

describe('any history of set and add by two attachments', () => {
  test('leaves what the model predicts', () => {
    fc.assert(
      fc.property(fc.array(storable, { minLength: 1, maxLength: 6 }), steps, (given, history) => {
        const model = new Model(given);
        using list = ShareableList.create(given);
        using other = ShareableList.attach(list.name);
        for (const step of history) {
          const by = step.by === 0 ? list : other;
          const index = step.index % given.length;
          const slot = model.slots[index] as Slot;
          const expected = 'set' in step ? model.set(slot, step.set) : model.add(slot, step.add);
          const outcome = outcomeOf(() => ('set' in step ? by.set(index, step.set) : by.add(index, step.add)));
          expect(outcome).toEqual(expected);
          expect(by.get(index)).toEqual(slot.value);
        }
        for (const reader of [list, other]) {
          expect(reader.toArray()).toEqual(model.slots.map(({ value }) => value));
          expect(reader.format).toBe(model.slots.map(({ format }) => format).join(''));
        }
      }),
      { numRuns: 400 },
    );
  });
});
