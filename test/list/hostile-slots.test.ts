/** Slots that lie: an honest header, and formats, codes, offsets or text that no list has. */
import type { Storable } from 'shareable';
import { LayoutError, ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { ListParts } from '../support/list-bytes.ts';
import { float64, int64, listBytes, padded } from '../support/list-bytes.ts';

const BOOL = 'xxxxxxx?';
const NONE = 'xxxxxx?x';

/** One slot of eight bytes, and one of sixteen after it. */
function twoSlots(format: string | Uint8Array, code: number, data: Uint8Array = Buffer.alloc(8, 0x41)): ListParts {
  return {
    offsets: [0, 8, 24],
    data: Buffer.concat([data, padded('the neighbour', 16)]),
    formats: [format, '16s'],
    codes: [code, 1],
  };
}

/** A segment of these bytes, and the list in it. */
function open(parts: ListParts): { shm: SharedMemory; list: ShareableList<Storable> } & Disposable {
  const shm = SharedMemory.create(listBytes(parts).length);
  shm.buf.set(listBytes(parts));
  const list = ShareableList.attach(shm.name);
  return {
    shm,
    list,
    [Symbol.dispose]: () => {
      list.close();
      shm[Symbol.dispose]();
    },
  };
}

function expectUnreadable(parts: ListParts): void {
  using opened = open(parts);
  const { list } = opened;
  for (const read of [() => list.get(0), () => list.at(0), () => list.toArray(), () => [...list]]) {
    expect(read).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
  }
  for (const search of [() => list.indexOf('no'), () => list.count(1)]) {
    expect(search).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
  }
  expect(list.get(1)).toBe('the neighbour');
  expect(String(list)).toContain('the neighbour');
}

describe('a format', () => {
  test.each([
    '',
    'P',
    '>q',
    'Q',
    'i',
    'f',
    '?',
    'qq',
    'dq',
    's',
    '8',
    '-8s',
    '+8s',
    ' 8s',
    '8 s',
    '08s',
    '8S',
    '0x8s',
    '8s8s',
    '1e1s',
    'xxxxxxxx',
    'xxxxx?xx',
    'q\0\0x',
    'writing',
    'writ',
    '99999999',
    '%ds',
    '\xff\xff\xff\xff\xff\xff\xff\xff',
  ])('%j is refused, with every code', (format) => {
    for (const code of [0, 1, 2, 3]) expectUnreadable(twoSlots(format, code));
  });

  test.each(['9s', '16s', '9999999s', '5s4x', '8s1x', '8sx', '0s9x', '1s99999x', '9x'])(
    '%j, of more than the slot has, is refused',
    (format) => {
      for (const code of [1, 2]) expectUnreadable(twoSlots(format, code));
    },
  );
});

describe('a code', () => {
  test.each([4, 5, 127, 128, 255])('%i is refused', (code) => {
    for (const format of ['q', 'd', BOOL, NONE, '8s']) expectUnreadable(twoSlots(format, code));
  });

  test.each<[string, number[]]>([
    ['q', [1, 2, 3]],
    ['d', [1, 2, 3]],
    [BOOL, [1, 2, 3]],
    [NONE, [0, 1, 2]],
    ['8s', [0, 3]],
    ['3s5x', [0, 3]],
  ])('that does not go with format %s is refused', (format, codes) => {
    for (const code of codes) expectUnreadable(twoSlots(format, code));
  });
});

describe('text that is not UTF-8', () => {
  test.each([[[0xff]], [[0xc3]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0x61, 0x80]]])(
    '%j is a LayoutError, and as bytes it is what it is',
    (bytes) => {
      const data = padded(Uint8Array.from(bytes), 8);
      using opened = open(twoSlots('8s', 1, data));
      expect(() => opened.list.get(0)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'UTF-8');
      expect(opened.list.indexOf('the neighbour')).toBe(1);
      using same = open(twoSlots('8s', 2, data));
      expect(same.list.get(0)).toEqual(Uint8Array.from(bytes));
    },
  );
});

describe('odd bytes of a scalar', () => {
  test('make any bool that is not zero true, as struct does', () => {
    for (const byte of [1, 2, 128, 255]) {
      using opened = open(twoSlots(BOOL, 0, Buffer.of(9, 9, 9, 9, 9, 9, 9, byte)));
      expect(opened.list.get(0)).toBe(true);
    }
    using opened = open(twoSlots(BOOL, 0, Buffer.of(9, 9, 9, 9, 9, 9, 9, 0)));
    expect(opened.list.get(0)).toBe(false);
  });

  test('still make null', () => {
    using opened = open(twoSlots(NONE, 3, Buffer.alloc(8, 0xff)));
    expect(opened.list.get(0)).toBeNull();
  });

  test.each([2 ** 53, 2 ** 53 - 1, -(2 ** 53), -1, 2 ** 32])('of an integer are all read: %d', (value) => {
    using opened = open(twoSlots('q', 0, int64(value)));
    expect(Number(opened.list.get(0))).toBe(value);
    expect(typeof opened.list.get(0)).toBe(Number.isSafeInteger(value) ? 'number' : 'bigint');
  });

  test('of a double are all read', () => {
    using opened = open(twoSlots('d', 0, float64(Number.MIN_VALUE)));
    expect(opened.list.get(0)).toBe(Number.MIN_VALUE);
  });
});

describe('a short exact length', () => {
  test.each([
    ['3s5x', 'AAA'],
    ['8s0x', 'AAAAAAAA'],
    ['0s8x', ''],
    ['3s', 'AAA'],
    ['0s', ''],
    ['3s1x', 'AAA'],
  ])('%s, as another writer may store it, reads as %j', (format, text) => {
    using opened = open(twoSlots(format, 1));
    expect(opened.list.get(0)).toBe(text);
  });
});

describe('a broken slot', () => {
  test.each<[string, Storable]>([
    ['a number', 7],
    ['a double', 1.5],
    ['text', 'new'],
    ['null', null],
    ['a bool', true],
  ])('is repaired by setting %s', (_, value) => {
    for (const [format, code] of [
      ['P', 0],
      ['writing', 1],
      ['writ', 1],
      ['9s', 1],
      ['q', 9],
      ['8s', 0],
    ] as const) {
      using opened = open(twoSlots(format, code));
      opened.list.set(0, value);
      expect(opened.list.toArray()).toEqual([value, 'the neighbour']);
    }
  });

  test('is not added to', () => {
    for (const format of ['P', '9s', 'writing', 'writ']) {
      using opened = open(twoSlots(format, 0));
      expect(() => opened.list.add(0, 1)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
    }
  });
});

describe('offsets that change after attach', () => {
  test.each<[string, bigint, bigint]>([
    ['past the end', 2n ** 20n, 2n ** 20n + 8n],
    ['negative', -8n, 8n],
    ['backwards', 16n, 8n],
    ['to no multiple of eight', 4n, 12n],
    ['to an empty slot', 8n, 8n],
    ['to the ends of the world', -(2n ** 63n), 2n ** 63n - 1n],
    ['by 2^32', 2n ** 32n, 2n ** 32n + 8n],
    ['by 2^31', 2n ** 31n, 2n ** 31n + 8n],
    ['to what is negative in 32 bits', 2n ** 32n - 8n, 8n],
    ['from the lowest to the highest in 32 bits', 2n ** 31n, 2n ** 31n - 8n],
    ['from the highest to the lowest in 32 bits', 2n ** 31n - 8n, 2n ** 31n],
    ['into the formats', 24n, 32n],
  ])('%s never allow a read or write outside the data', (_, start, end) => {
    using opened = open(twoSlots('q', 0, int64(5)));
    const { list, shm } = opened;
    expect(list.get(0)).toBe(5);
    shm.array(BigInt64Array, 8, 2).set([start, end]);
    const before = Uint8Array.from(shm.buf);
    const uses = [
      () => list.get(0),
      () => list.set(0, 1),
      () => list.set(0, 'x'),
      () => list.set(0, 1.5),
      () => list.add(0, 1),
    ];
    for (const use of uses) expect(use).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
    expect(shm.buf).toEqual(before);
  });
});

describe('offsets that 32-bit arithmetic would take for good ones', () => {
  const ends = [2 ** 32 - 1000, 2 ** 32 - 8, 2 ** 31, 2 ** 31 + 8, 2 ** 32 - 2 ** 31 + 16];
  const starts = [2 ** 31 - 8, 2 ** 31 - 2 ** 30, 0, 8, 2 ** 31, 2 ** 32 - 8];

  test.each<[string, Storable, Storable]>([
    ['a bool', false, true],
    ['null', null, null],
    ['an integer', 5, 6],
    ['a double', 1.5, 2.5],
    ['a large integer', 2 ** 40, 2 ** 41],
    ['text', 'before', 'after'],
  ])('make %s unreadable, and change nothing', (_, value, next) => {
    using list = ShareableList.create<Storable>([value, value]);
    const words = list.shm.array(Uint32Array);
    for (const start of starts) {
      for (const end of ends) {
        words.set([start, 0, end, 0], 2);
        const before = list.shm.buf.slice();
        for (const use of [() => list.get(0), () => list.set(0, next), () => list.toArray(), () => list.capacity(0)]) {
          expect(use, `${start} to ${end}`).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'slot 0');
        }
        expect(list.shm.buf).toEqual(before);
      }
    }
  });
});
