/** Arrays between this library and real NumPy, in both directions, over the same bytes. */
import { rmSync } from 'node:fs';

import { LayoutError, SharedArray } from 'shareable';
import type { Dtype } from 'shareable';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { runPython } from '../support/python.ts';
import { scientificPython } from '../support/scientific-python.ts';
import { freshName, pathOf } from '../support/segments.ts';
import { dtypes } from './dtypes.ts';

const shapes = [[], [0], [5], [2, 3], [2, 0], [2, 3, 4]];

interface Facts {
  dtype: string;
  shape: number[];
  strides: number[];
  fortran: boolean;
  elements: (number | string | boolean)[];
}

let numpy: Child;
beforeAll(async () => {
  numpy = runPython(await scientificPython(inject('pythons')), 'shared-array/numpy-peer.py', 120_000);
}, 300_000);
afterAll(async () => numpy[Symbol.asyncDispose]());

/** An element as the peer says it. */
function shown(dtype: Dtype, value: number | bigint): number | string | boolean {
  if (dtype === 'bool') return value === 1;
  return dtype.startsWith('float') ? Number(value) : String(value);
}

function element(dtype: Dtype, value: number): number | bigint {
  return dtype.endsWith('int64') ? BigInt(value) : value;
}

/** Fills what this library made with 0, 1, 2, …, of a bool 0, 1, 0, …. */
function fillWithPlaces({ data, length, dtype }: SharedArray): void {
  const elements = data as unknown as (number | bigint)[];
  for (let i = 0; i < length; i++) elements[i] = element(dtype, dtype === 'bool' ? i % 2 : i);
}

/** The elements in the order in which they lie, as numbers. */
function elementsOf({ data }: SharedArray): number[] {
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

const places = (dtype: Dtype, length: number): number[] =>
  Array.from({ length }, (_, i) => (dtype === 'bool' ? i % 2 : i));

describe.each(dtypes)('dtype %s', (dtype) => {
  const one = dtype.endsWith('int64') ? '1' : 1;

  test.each(['C', 'F'] as const)('made here in %s order is what np.load maps', async (order) => {
    for (const shape of shapes) {
      using array = SharedArray.create(shape, dtype, { name: freshName(), order });
      fillWithPlaces(array);
      const elements = Array.from(array.data as ArrayLike<number | bigint>, (each) => shown(dtype, each));
      const facts = await numpy.ask<Facts>('load', array.name);
      expect(facts).toMatchObject({ dtype, shape, elements });
      // NumPy has strides of its own for an array that has no second element.
      if (array.length <= 1) facts.strides = [...array.strides];
      expect(facts.strides).toEqual(array.strides);
    }
  });

  test('made here is written there, and the other way round', async () => {
    using array = SharedArray.create([2, 3], dtype, { name: freshName(), order: 'F' });
    await numpy.ask('load', array.name);
    await numpy.ask('write', 4, one);
    expect(elementsOf(array)).toEqual([0, 0, 0, 0, 1, 0]);
    fillWithPlaces(array);
    expect((await numpy.ask<Facts>('look')).elements.map(Number)).toEqual(places(dtype, 6));
  });

  test.each(['save', 'open_memmap'])('made by NumPy with %s attaches here', async (how) => {
    // open_memmap cannot map a file without elements.
    for (const shape of how === 'save' ? shapes : shapes.filter((lengths) => !lengths.includes(0))) {
      for (const fortran of [false, true]) {
        const name = freshName();
        await numpy.ask('make', name, dtype, shape, fortran, how);
        {
          using array = SharedArray.attach(name);
          // An array that lies in both orders at once is said to be in C order.
          const order =
            fortran && shape.filter((length) => length > 1).length > 1 && !shape.includes(0) ? 'F' : array.order;
          expect(array).toMatchObject({ dtype, shape, order });
          expect(elementsOf(array)).toEqual(places(dtype, array.length));
        }
        await numpy.ask('unlink', name);
      }
    }
  });

  test('made by open_memmap is written there and here', async () => {
    const name = freshName();
    await numpy.ask('make', name, dtype, [2, 2], false, 'open_memmap');
    {
      using array = SharedArray.attach(name);
      await numpy.ask('write', 0, one);
      expect(elementsOf(array)[0]).toBe(1);
      (array.data as { fill(value: number | bigint): void }).fill(element(dtype, 0));
      expect((await numpy.ask<Facts>('look')).elements.map(Number)).toEqual([0, 0, 0, 0]);
    }
    await numpy.ask('unlink', name);
  });
});

test('the header is byte for byte what NumPy writes', async () => {
  using array = SharedArray.create([3, 4], 'float64', { name: freshName() });
  await numpy.ask('load', array.name);
  expect(await numpy.ask('header', array.name)).toBe(Buffer.from(array.shm.buf.subarray(0, 128)).toString('hex'));
});

test.each(['big-endian', 'complex', 'text', 'structure', 'date', 'object'])(
  'an array of NumPy whose elements are %s is a LayoutError',
  async (kind) => {
    const name = freshName();
    await numpy.ask('foreign', name, kind);
    try {
      expect(() => SharedArray.attach(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'cannot be read');
    } finally {
      rmSync(pathOf(name));
    }
  },
);
