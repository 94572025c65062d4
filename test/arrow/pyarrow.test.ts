/** Tables between this library and real pyarrow, in both directions, over the same bytes. */
import { rmSync } from 'node:fs';

import { tableFromArrays } from 'apache-arrow';
import { LayoutError, SharedMemoryError } from 'shareable';
import { attachTable, shareTable } from 'shareable/arrow';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { runPython } from '../support/python.ts';
import { scientificPython } from '../support/scientific-python.ts';
import { freshName, pathOf } from '../support/segments.ts';
import { buffersOf, columns, tableOf, valuesOf } from './support.ts';

interface Read {
  allocated: number;
  rows: number;
  types: string[];
  columns: Record<string, string[]>;
}

let pyarrow: Child;
beforeAll(async () => {
  pyarrow = runPython(await scientificPython(inject('pythons')), 'arrow/pyarrow-peer.py', 120_000);
}, 300_000);
afterAll(async () => pyarrow[Symbol.asyncDispose]());

describe.each(['file', 'stream'] as const)('in the %s format', (format) => {
  test.each(Object.keys(columns))(
    'pyarrow maps our column of type %s without a copy and finds it valid',
    async (type) => {
      using shared = shareTable(tableOf(type), { format, name: freshName() });
      const { allocated, rows } = await pyarrow.ask<Read>('read', shared.name);
      expect([allocated, rows]).toEqual([0, 3]);
    },
  );

  test('pyarrow reads the values that we wrote', async () => {
    const table = tableFromArrays({ id: Int32Array.of(1, -2), x: Float64Array.of(0.5, 1.5), s: ['a', 'é🦀'] });
    using shared = shareTable(table, { format, name: freshName() });
    const { columns: read } = await pyarrow.ask<Read>('read', shared.name);
    expect(read).toEqual({ id: ['1', '-2'], x: ['0.5', '1.5'], s: ['a', 'é🦀'] });
  });

  test('we read every type that pyarrow writes without a copy', async () => {
    for (const kind of await pyarrow.ask<string[]>('kinds')) {
      for (const rows of [3, 0]) {
        const name = freshName();
        await pyarrow.ask('write', name, kind, format, null, rows);
        try {
          using attached = attachTable(name);
          expect(attached.table.numRows).toBe(rows);
          expect(buffersOf(attached.table).every(({ buffer }) => buffer === attached.shm.buffer)).toBe(true);
          expect(valuesOf(attached.table).length).toBe(rows);
        } finally {
          rmSync(pathOf(name));
        }
      }
    }
  });
});

test('we read the values that pyarrow wrote', async () => {
  for (const [kind, values] of [
    ['int64', ['1n', '2n', null]],
    ['string', ['a', 'é🦀', null]],
    ['large_string', ['a', 'é🦀', null]],
    ['string_view', ['a', 'longer than twelve bytes', null]],
    ['list', [[1, 2], [], null]],
    ['dictionary', ['a', 'b', 'a']],
    ['bool', [true, false, null]],
  ] as const) {
    const name = freshName();
    await pyarrow.ask('write', name, kind);
    try {
      using attached = attachTable(name);
      expect(valuesOf(attached.table)).toEqual(values);
    } finally {
      rmSync(pathOf(name));
    }
  }
});

test.each([
  ['run_end_encoded', null, 'RunEndEncoded'],
  ['list_view', null, 'ListView'],
  ['int64', 'lz4', 'compressed'],
  ['string', 'zstd', 'compressed'],
])('a table of pyarrow with %s, compression %s, is refused by name', async (kind, compression, what) => {
  const name = freshName();
  await pyarrow.ask('write', name, kind, 'file', compression);
  try {
    expect(() => attachTable(name)).toFailWith(SharedMemoryError, 'ERR_SHM_UNSUPPORTED', what);
  } finally {
    rmSync(pathOf(name));
  }
});

test('a file of pyarrow that is cut off is a LayoutError', async () => {
  const name = freshName();
  await pyarrow.ask('write', name, 'string');
  try {
    const { truncateSync } = await import('node:fs');
    truncateSync(pathOf(name), 300);
    expect(() => attachTable(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
  } finally {
    rmSync(pathOf(name));
  }
});
