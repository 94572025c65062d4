import { LayoutError, SegmentClosedError, ShareableList, SharedArray, SharedMemory } from 'shareable';
import type { Dtype } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';
import { dtypes } from './dtypes.ts';

describe('create', () => {
  test.each(dtypes)('makes zeros of dtype %s', (dtype) => {
    using array = SharedArray.create([2, 3], dtype);
    expect(array).toMatchObject({ shape: [2, 3], strides: [3, 1], dtype, order: 'C', length: 6, ndim: 2 });
    expect(array.data.length).toBe(6);
    expect(Array.from<unknown>(array.data as ArrayLike<unknown>).every((element) => Number(element) === 0)).toBe(true);
    expect(array.data.byteOffset).toBe(128);
    expect(array.data.buffer).toBe(array.shm.buffer);
    expect(array.shm.size).toBe(128 + array.data.byteLength);
  });

  test('knows the typed array of its dtype as a type', () => {
    using floats = SharedArray.create([1], 'float64');
    const _floats: Float64Array = floats.data;
    const _number: number | bigint = floats.at(0);
    using bigs = SharedArray.create([1], 'int64');
    const _bigs: BigInt64Array = bigs.data;
    expect([_floats.length, _bigs.length, _number]).toEqual([1, 1, 0]);
  });

  test('lays elements out by order', () => {
    using rows = SharedArray.create([2, 3, 4], 'int8');
    using columns = SharedArray.create([2, 3, 4], 'int8', { order: 'F' });
    expect([rows.strides, columns.strides]).toEqual([
      [12, 4, 1],
      [1, 2, 6],
    ]);
    rows.set(1, 2, 3, 7);
    columns.set(1, 0, 2, 7);
    expect([rows.data.indexOf(7), columns.data.indexOf(7)]).toEqual([23, 13]);
  });

  test('takes a shape without dimensions, and one with a length of 0', () => {
    using single = SharedArray.create([], 'float32');
    single.set(2.5);
    expect([single.at(), single.length, single.ndim]).toEqual([2.5, 1, 0]);
    using empty = SharedArray.create([3, 0], 'float32');
    expect([empty.length, empty.data.length, empty.strides]).toEqual([0, 0, [1, 1]]);
    expect(empty.row(1).length).toBe(0);
  });

  test('takes name, track and mode as a segment does', () => {
    const name = freshName();
    {
      using array = SharedArray.create([4], 'uint8', { name, track: false });
      expect(array.name).toBe(name);
    }
    expect(exists(name)).toBe(true);
    using again = SharedArray.attach(name);
    again.unlink();
    expect(exists(name)).toBe(false);
  });

  test('refuses shapes, dtypes and orders that do not exist, and makes nothing', () => {
    const name = freshName();
    const create =
      (shape: unknown, dtype: unknown = 'int8', order?: unknown) =>
      () =>
        SharedArray.create(shape as number[], dtype as Dtype, { name, order: order as 'C' });
    for (const length of [-1, 1.5, Number.NaN, 2 ** 53, Infinity]) {
      expect(create([2, length])).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'shape[1]');
    }
    expect(create(['2'])).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'shape[0]');
    expect(create(5)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'shape must be an array');
    expect(create([2 ** 40, 2 ** 40])).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'address space');
    expect(create(Array.from({ length: 65 }, () => 1))).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', '64 dimensions');
    for (const dtype of ['complex64', 'float128', '', 'toString', 8, null]) {
      expect(create([1], dtype)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'dtype must be one of');
    }
    expect(create([1], 'int8', 'fortran')).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', "'C' or 'F'");
    expect(exists(name)).toBe(false);
  });

  test('is not done by new', () => {
    const Constructor = SharedArray as unknown as new (...args: unknown[]) => unknown;
    expect(() => new Constructor()).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'SharedArray.create()');
  });
});

describe('from', () => {
  test('copies a typed array of any type', () => {
    using array = SharedArray.from(new Int16Array([1, 2, 3, 4, 5, 6]), [2, 3]);
    expect([array.dtype, array.shape, array.at(1, 0)]).toEqual(['int16', [2, 3], 4]);
    using bigs = SharedArray.from(new BigUint64Array([1n, 2n ** 64n - 1n]));
    expect([bigs.dtype, bigs.shape, bigs.at(1)]).toEqual(['uint64', [2], 2n ** 64n - 1n]);
    using clamped = SharedArray.from(new Uint8ClampedArray([300, -1]));
    expect([clamped.dtype, clamped.at(0), clamped.at(1)]).toEqual(['uint8', 255, 0]);
    using buffer = SharedArray.from(Buffer.from('ab'));
    expect([buffer.dtype, buffer.at(1)]).toEqual(['uint8', 98]);
  });

  test('takes an array of numbers as float64, or as what the option dtype says', () => {
    using floats = SharedArray.from([1.5, 2]);
    expect([floats.dtype, floats.at(0)]).toEqual(['float64', 1.5]);
    using bytes = SharedArray.from([1, 2, 3, 4], [2, 2], { dtype: 'uint8', order: 'F' });
    expect([bytes.dtype, bytes.at(0, 1), bytes.at(1, 0)]).toEqual(['uint8', 3, 2]);
    using bigs = SharedArray.from([1n, -2n], undefined, { dtype: 'int64' });
    expect(bigs.at(1)).toBe(-2n);
  });

  test('refuses a shape that does not match the data, and data that the dtype cannot hold', () => {
    const name = freshName();
    expect(() => SharedArray.from([1, 2, 3], [2, 2], { name })).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'shape [2, 2] has 4 elements, but data has 3',
    );
    expect(() => SharedArray.from([1, 2], undefined, { name, dtype: 'int64' })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'int64',
    );
    expect(() => SharedArray.from([1n] as never, undefined, { name })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'float64',
    );
    expect(() => SharedArray.from(new DataView(new ArrayBuffer(8)) as never, undefined, { name })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'typed array',
    );
    for (const element of ['1', null, undefined, true, {}, [2]]) {
      expect(() => SharedArray.from([1, element] as never, undefined, { name })).toFailWith(
        TypeError,
        'ERR_INVALID_ARG_TYPE',
        'an element of dtype float64 must be a number',
      );
    }
    expect(() => SharedArray.from([1, 'two'] as never, undefined, { name, track: false })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
    );
    expect(exists(name)).toBe(false);
    using halves = SharedArray.from(new Float64Array([0.5, 0, 256, Number.NaN]), undefined, { dtype: 'bool' });
    expect([...halves.data]).toEqual([1, 0, 1, 0]);
    using flags = SharedArray.from([true, false] as never, undefined, { dtype: 'bool' });
    expect([...flags.data]).toEqual([1, 0]);
    expect(() => SharedArray.from('abc' as never, undefined, { name })).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'typed array',
    );
    expect(exists(name)).toBe(false);
  });
});

describe('createOrAttach', () => {
  test('creates once, then attaches', () => {
    const name = freshName();
    using first = SharedArray.createOrAttach(name, [2, 2], 'float32');
    using second = SharedArray.createOrAttach(name, [2, 2], 'float32');
    first.set(1, 1, 4);
    expect([first.shm.isOwner, second.shm.isOwner, second.at(1, 1)]).toEqual([true, false, 4]);
  });

  test('refuses an existing array of another shape, dtype or order', () => {
    const name = freshName();
    using _array = SharedArray.create([2, 3], 'int32', { name });
    expect(() => SharedArray.createOrAttach(name, [3, 2], 'int32')).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'int32 [2, 3]',
    );
    expect(() => SharedArray.createOrAttach(name, [2, 3], 'float32')).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'float32 [2, 3] was asked for',
    );
    expect(() => SharedArray.createOrAttach(name, [2, 3], 'int32', { order: 'F' })).toFailWith(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'Fortran',
    );
  });
});

describe('attach', () => {
  test('takes a name, a handle, and a handle that went through JSON', () => {
    using array = SharedArray.create([3], 'float64', { name: freshName() });
    array.set(2, 9);
    const json = JSON.parse(JSON.stringify(array)) as ReturnType<typeof array.toJSON>;
    for (const target of [array.name, array.toJSON(), json]) {
      using same = SharedArray.attach(target);
      expect([same.at(2), same.shape]).toEqual([9, [3]]);
    }
  });

  test('refuses a list, a raw segment and a truncated array as arrays, and an array as a list', () => {
    using list = ShareableList.create([1, 2]);
    expect(() => SharedArray.attach(list.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'does not hold an array');
    using raw = SharedMemory.create(4);
    expect(() => SharedArray.attach(raw.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', '.npy');
    using array = SharedArray.create([1000], 'float64');
    expect(() => ShareableList.attach(array.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', 'does not hold a list');
    expect(() => SharedArray.attach(list.toJSON() as never)).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      'SharedArray',
    );
    using copy = SharedMemory.create(500);
    copy.buf.set(array.shm.buf.subarray(0, 500));
    expect(() => SharedArray.attach(copy.name)).toFailWith(
      LayoutError,
      'ERR_SHM_LAYOUT',
      'does not fit a segment of 500 bytes',
    );
  });

  test('takes a segment that is larger than its array, as where the system rounds to pages', () => {
    using array = SharedArray.from(new Uint8Array([1, 2, 3]));
    using rounded = SharedMemory.create(4096);
    rounded.buf.set(array.shm.buf);
    using same = SharedArray.attach(rounded.name);
    expect([...same.data]).toEqual([1, 2, 3]);
  });

  test('ignores a header that changes afterwards', () => {
    using array = SharedArray.create([4], 'uint8');
    using other = SharedArray.attach(array.name);
    array.shm.buf.fill(0xff, 0, 128);
    expect([other.at(3), other.length]).toEqual([0, 4]);
  });
});

describe('close', () => {
  test('ends every view, and later use is an error', () => {
    const array = SharedArray.create([2, 2], 'float64');
    const { data } = array;
    const row = array.row(0);
    array[Symbol.dispose]();
    expect([data.length, row.length]).toEqual([0, 0]);
    for (const use of [
      () => array.data,
      () => array.at(0, 0),
      () => array.set(0, 0, 1),
      () => array.fill(1),
      () => array.row(0),
    ]) {
      expect(use).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    }
    expect(String(array)).toContain('closed');
    expect(exists(array.name)).toBe(false);
    array.close();
  });

  test('of an empty array is noticed too', () => {
    const array = SharedArray.create([0], 'float64');
    array[Symbol.dispose]();
    expect(() => array.data).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
  });

  test.skipIf(!platform.hasSegmentFiles)('leaves a path that NumPy can open until it is unlinked', () => {
    using array = SharedArray.create([2], 'uint8', { name: freshName() });
    expect(exists(array.name)).toBe(true);
    expect(pathOf(array.name)).toContain(array.name);
  });
});
