/** Segments that are no lists, or lists whose headers lie: a LayoutError, at once, and nothing else. */
import { truncateSync } from 'node:fs';

import { LayoutError, ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { ListParts } from '../support/list-bytes.ts';
import { int64, listBytes } from '../support/list-bytes.ts';
import { bytesOf, pathOf } from '../support/segments.ts';

const HONEST: ListParts = {
  offsets: [0, 8, 16],
  data: Buffer.concat([int64(1), int64(2)]),
  formats: ['q', 'q'],
  codes: [0, 0],
};

function holding(bytes: Uint8Array): SharedMemory {
  const shm = SharedMemory.create(bytes.length);
  shm.buf.set(bytes);
  return shm;
}

/** How long a call takes, in milliseconds: the shortest of three times, because the machine may do something else meanwhile. */
function timeOf(call: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now();
    call();
    return performance.now() - start;
  });
  return Math.min(...times);
}

/** Attaching has to fail, in less than a second (CPython takes 25 for 2^28), and must not write. */
function expectRefusal(bytes: Uint8Array): void {
  using shm = holding(bytes);
  const time = timeOf(() => {
    expect(() => ShareableList.attach(shm.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
  });
  expect(time).toBeLessThan(1000);
  expect(bytesOf(shm.name)).toEqual(Buffer.from(bytes));
}

test('the valid list that the others are derived from is a list', () => {
  using shm = holding(listBytes(HONEST));
  using list = ShareableList.attach(shm.name);
  expect(list.toArray()).toEqual([1, 2]);
});

describe('a length', () => {
  test.each([
    3n,
    4n,
    2n ** 28n,
    2n ** 31n,
    2n ** 32n,
    2n ** 32n + 2n,
    2n ** 53n,
    2n ** 59n,
    2n ** 60n,
    2n ** 61n,
    2n ** 61n + 2n,
    2n ** 63n - 1n,
    -1n,
    -2n,
    -(2n ** 63n),
  ])('of %d in the bytes of two slots is refused', (length) => {
    expectRefusal(listBytes({ ...HONEST, length }));
  });

  test('of 2^28 in 166 bytes is refused in constant time', () => {
    expectRefusal(Buffer.concat([int64(2n ** 28n), Buffer.alloc(158)]));
  });
});

describe('bytes that are too few', () => {
  test.each([1, 7, 8, 9, 15, 16, 23, 24, 31, 32])('such as %i of a list are refused', (count) => {
    expectRefusal(listBytes(HONEST).subarray(0, count));
  });

  test('such as a list without its last one are refused', () => {
    expectRefusal(listBytes(HONEST).subarray(0, -1));
  });

  test('such as 15 zeros are refused, and 16 are an empty list', () => {
    expectRefusal(Buffer.alloc(15));
    using shm = SharedMemory.create(16);
    using list = ShareableList.attach(shm.name);
    expect(list.toArray()).toEqual([]);
  });
});

describe('bytes of another kind', () => {
  test.each([0x01, 0x20, 0x7f, 0xff])('such as a page of %i are refused', (byte) => {
    expectRefusal(Buffer.alloc(4096, byte));
  });

  test('such as text are refused', () => {
    expectRefusal(Buffer.from('{"this":"is no list"}'.repeat(10)));
  });
});

describe('offsets', () => {
  test.each<[string, (bigint | number)[]]>([
    ['that do not start at 0', [8, 16, 24]],
    ['that are negative', [0, -8, 16]],
    ['that end negative', [0, 8, -16]],
    ['that go back', [0, 16, 8]],
    ['that make an empty slot', [0, 0, 16]],
    ['that make an empty last slot', [0, 16, 16]],
    ['that are not multiples of eight', [0, 4, 16]],
    ['that end at no multiple of eight', [0, 8, 12]],
    ['that end before there is room for all slots', [0, 8, 8]],
    ['that end past the data', [0, 8, 24]],
    ['that lie past the data', [0, 2 ** 20, 16]],
    ['that wrap around when the data starts are added', [0, 8, 2n ** 64n - 32n]],
    ['that are past 2^53', [0, 2n ** 53n + 8n, 16]],
    ['that end at 2^63 - 8', [0, 8, 2n ** 63n - 8n]],
    ['that are lengths, as CPython 3.8 wrote them', [8, 8, 0]],
  ])('%s are refused', (_, offsets) => {
    expectRefusal(listBytes({ ...HONEST, offsets }));
  });
});

describe('a list whose header claims too much', () => {
  test.skipIf(!platform.hasShmFolder)('but fits a sparse file is attached to without reading it all', () => {
    const length = 2 ** 25;
    const end = length * 8;
    using shm = SharedMemory.create(4096);
    truncateSync(pathOf(shm.name), 8 + (length + 1) * 8 + end + length * 9);
    using whole = SharedMemory.attach(shm.name);
    const words = whole.array(BigInt64Array, 0, length + 2);
    words[0] = BigInt(length);
    words[length + 1] = BigInt(end);
    expect(timeOf(() => ShareableList.attach(shm.name).close())).toBeLessThan(1000);
    using list = ShareableList.attach(shm.name);
    expect(list.length).toBe(length);
    for (const use of [() => list.get(0), () => list.get(-1), () => list.indexOf(1), () => list.toArray()]) {
      expect(use).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot');
    }
    expect(() => String(list)).not.toThrow();
  });
});
