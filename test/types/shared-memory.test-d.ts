/** What the compiler makes of segments and errors. Checked by `vitest` and by `tsc`. */
import type { SharedMemoryHandle } from 'shareable';
import {
  LayoutError,
  OutOfSharedMemoryError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  SharedMemory,
  SharedMemoryError,
  pageSize,
  roundUpToPage,
} from 'shareable';
import { expectTypeOf, test } from 'vitest';

declare const shm: SharedMemory;

test('a segment has the properties of its documentation', () => {
  expectTypeOf(shm.name).toEqualTypeOf<string>();
  expectTypeOf(shm.size).toEqualTypeOf<number>();
  expectTypeOf(shm.mappedSize).toEqualTypeOf<number>();
  expectTypeOf(shm.buffer).toEqualTypeOf<ArrayBuffer>();
  expectTypeOf(shm.buf).toExtend<Uint8Array>();
  expectTypeOf(shm.buf.buffer).toEqualTypeOf<ArrayBuffer>();
  expectTypeOf(shm.isOwner).toEqualTypeOf<boolean>();
  expectTypeOf(shm.closed).toEqualTypeOf<boolean>();
  // @ts-expect-error they are there to be read
  shm.size = 5;
});

test('a view has the type of its constructor', () => {
  expectTypeOf(shm.array(Float64Array)).toExtend<Float64Array>();
  expectTypeOf(shm.array(BigInt64Array, 8, 2)).toExtend<BigInt64Array>();
  expectTypeOf(shm.array(Uint8ClampedArray)).toExtend<Uint8ClampedArray>();
  expectTypeOf(shm.array(Int32Array)[0]).toEqualTypeOf<number | undefined>();
  // @ts-expect-error a DataView is no typed array
  shm.array(DataView);
});

test('segments come from create, attach and createOrAttach', () => {
  expectTypeOf(SharedMemory.create).returns.toEqualTypeOf<SharedMemory>();
  expectTypeOf(SharedMemory.attach).returns.toEqualTypeOf<SharedMemory>();
  expectTypeOf(SharedMemory.createOrAttach).returns.toEqualTypeOf<SharedMemory>();
  expectTypeOf(SharedMemory.attach).parameter(0).toEqualTypeOf<string | SharedMemoryHandle>();
  SharedMemory.create(8, { name: 'name', track: false, mode: 0o600 });
  SharedMemory.create(8, { name: undefined });
  SharedMemory.createOrAttach('name', 8, { track: false, mode: 0o600 });
  // @ts-expect-error a size is a number
  SharedMemory.create('8');
  // @ts-expect-error the name is an argument of its own here
  SharedMemory.createOrAttach('name', 8, { name: 'other' });
  // @ts-expect-error the handle of a list is not the handle of a segment
  SharedMemory.attach({ type: 'ShareableList', name: 'name' });
  // @ts-expect-error the constructor is private
  expectTypeOf(new SharedMemory()).toBeObject();
});

test('a segment is disposable, and a handle is what JSON makes of it', () => {
  expectTypeOf<SharedMemory>().toExtend<Disposable & AsyncDisposable>();
  expectTypeOf(shm.toJSON()).toEqualTypeOf<SharedMemoryHandle>();
});

test('errors tell what they know, each by its class', () => {
  for (const errorClass of [
    LayoutError,
    OutOfSharedMemoryError,
    SegmentAccessError,
    SegmentClosedError,
    SegmentExistsError,
    SegmentNotFoundError,
  ]) {
    expectTypeOf(new errorClass('message', { code: 'CODE' })).toExtend<SharedMemoryError>();
  }
  const error = new SharedMemoryError('message', { code: 'CODE', cause: new Error('why') });
  expectTypeOf(error).toExtend<Error>();
  expectTypeOf(error.code).toEqualTypeOf<string>();
  expectTypeOf(error.syscall).toEqualTypeOf<string | undefined>();
  expectTypeOf(error.segment).toEqualTypeOf<string | undefined>();
});

test('page arithmetic is about numbers', () => {
  expectTypeOf(pageSize).toEqualTypeOf<number>();
  expectTypeOf(roundUpToPage).toEqualTypeOf<(bytes: number) => number>();
});
