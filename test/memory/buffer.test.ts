import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { bytesOf } from '../support/segments.ts';

const TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Of Node 24, Bun and Deno; TypeScript declares it with the library `esnext.float16`. */
const { Float16Array } = globalThis as unknown as { Float16Array?: Uint16ArrayConstructor };

describe('buffer', () => {
  test('is an ArrayBuffer over the segment itself, not a copy', () => {
    using shm = SharedMemory.create(64);
    expect(shm.buffer).toBeInstanceOf(ArrayBuffer);
    new Uint8Array(shm.buffer)[63] = 200;
    expect(bytesOf(shm.name)[63]).toBe(200);
  });

  test('is the same one each time, and under every view', () => {
    using shm = SharedMemory.create(64);
    const { buffer, buf } = shm;
    expect(shm.buffer).toBe(buffer);
    expect(shm.buf).toBe(buf);
    expect(buf.buffer).toBe(buffer);
    expect(shm.array(Float64Array).buffer).toBe(buffer);
  });

  test('shows writes of another mapping at once, in both directions', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    shm.array(Float64Array)[3] = Math.PI;
    expect(other.array(Float64Array)[3]).toBe(Math.PI);
    other.array(Float64Array)[3] = Math.E;
    expect(shm.array(Float64Array)[3]).toBe(Math.E);
  });

  test.runIf(Float16Array)('shows numbers of 16 bits where the runtime has them', () => {
    using shm = SharedMemory.create(64);
    const halves = shm.array(Float16Array as Uint16ArrayConstructor);
    expect(halves).toHaveLength(32);
    halves.set([1.5, -2, 65_504]);
    expect([...shm.array(Uint16Array, 0, 3)]).toEqual([0x3e00, 0xc000, 0x7bff]);
    expect([...bytesOf(shm.name).subarray(0, 2)]).toEqual([0x00, 0x3e]);
  });

  test('can be read and written by functions that take bytes', () => {
    using shm = SharedMemory.create(64);
    const text = 'déjà vu';
    const { written } = new TextEncoder().encodeInto(text, shm.buf);
    expect(new TextDecoder().decode(shm.buf.subarray(0, written))).toBe(text);
    expect(Buffer.from(shm.buffer, 0, written).toString()).toBe(text);
    new DataView(shm.buffer).setInt32(60, -2, true);
    expect(shm.array(Int32Array).at(-1)).toBe(-2);
  });
});

describe('buf', () => {
  test('is a Uint8Array of all bytes', () => {
    using shm = SharedMemory.create(63);
    expect(shm.buf).toBeInstanceOf(Uint8Array);
    expect([shm.buf.byteOffset, shm.buf.length]).toEqual([0, 63]);
  });
});

describe('array', () => {
  test.each(TYPES)('gives a %o of all that fits', (type) => {
    using shm = SharedMemory.create(67);
    const view = shm.array(type);
    expect(view).toBeInstanceOf(type);
    expect(view.byteOffset).toBe(0);
    expect(view.length).toBe(Math.floor(67 / type.BYTES_PER_ELEMENT));
  });

  test.each(TYPES)('takes the offset of a %o in bytes and its length in elements', (type) => {
    using shm = SharedMemory.create(64);
    const view = shm.array(type, 16, 2);
    expect([view.byteOffset, view.length, view.byteLength]).toEqual([16, 2, 2 * type.BYTES_PER_ELEMENT]);
    expect(shm.array(type, 48).byteLength).toBe(16);
  });

  test.each(TYPES.filter((type) => type.BYTES_PER_ELEMENT > 1))('refuses a misaligned offset for a %o', (type) => {
    using shm = SharedMemory.create(64);
    for (const offset of [1, type.BYTES_PER_ELEMENT - 1, type.BYTES_PER_ELEMENT + 1]) {
      expect(() => shm.array(type, offset)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', type.name);
    }
  });

  test('accepts the very end, where no element fits', () => {
    using shm = SharedMemory.create(64);
    expect(shm.array(Float64Array, 64)).toHaveLength(0);
    expect(shm.array(Float64Array, 56, 0)).toHaveLength(0);
    expect(shm.array(Float64Array, 56, 1)).toHaveLength(1);
  });

  test.each([
    ['an offset past the end', 72, undefined],
    ['a negative offset', -8, undefined],
    ['a fractional offset', 0.5, undefined],
    ['an offset that is NaN', Number.NaN, undefined],
    ['an infinite offset', Number.POSITIVE_INFINITY, undefined],
    ['a length past the end', 0, 9],
    ['a length past the end of what the offset leaves', 56, 2],
    ['a negative length', 0, -1],
    ['a fractional length', 0, 1.5],
    ['a length that is NaN', 0, Number.NaN],
    ['a length of 2^53', 0, 2 ** 53],
  ])('refuses %s', (_, offset, length) => {
    using shm = SharedMemory.create(64);
    expect(() => shm.array(Float64Array, offset, length)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
  });

  test.each([['8'], [null], [8n], [{}]])('refuses %o as offset or length', (value) => {
    using shm = SharedMemory.create(64);
    const wrong = value as never;
    expect(() => shm.array(Int8Array, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'byteOffset');
    expect(() => shm.array(Int8Array, 0, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'length');
  });

  test.each([[undefined], [null], ['Int8Array'], [Array], [ArrayBuffer], [DataView], [() => {}], [new Int8Array(1)]])(
    'refuses %o as a type',
    (type) => {
      using shm = SharedMemory.create(64);
      expect(() => shm.array(type as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'type');
    },
  );

  test('takes a class of the user that extends a typed array', () => {
    using shm = SharedMemory.create(64);
    class Samples extends Float32Array {
      mean(): number {
        return this.reduce((sum, sample) => sum + sample, 0) / this.length;
      }
    }
    const samples = shm.array(Samples, 0, 4);
    samples.set([1, 2, 3, 4]);
    expect(samples.mean()).toBe(2.5);
  });

  test('supports atomics', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    const counters = shm.array(Int32Array);
    Atomics.add(counters, 0, 5);
    expect(Atomics.load(other.array(Int32Array), 0)).toBe(5);
  });
});
