/** What the compiler makes of lists. Checked by `vitest` and by `tsc`. */
import type { ShareableListHandle, SharedMemory, Storable } from 'shareable';
import { ShareableList } from 'shareable';
import { expectTypeOf, test } from 'vitest';

declare const handle: ShareableListHandle;

test('create infers the type of the slots, not of the values', () => {
  expectTypeOf(ShareableList.create([1, 2])).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create([1n])).toEqualTypeOf<ShareableList<bigint>>();
  expectTypeOf(ShareableList.create(['a', 'b'])).toEqualTypeOf<ShareableList<string>>();
  expectTypeOf(ShareableList.create([true, false])).toEqualTypeOf<ShareableList<boolean>>();
  expectTypeOf(ShareableList.create([null])).toEqualTypeOf<ShareableList<null>>();
  expectTypeOf(ShareableList.create([1, 'two', null])).toEqualTypeOf<ShareableList<number | string | null>>();
  expectTypeOf(ShareableList.create([1, 2] as const)).toEqualTypeOf<ShareableList<number>>();
});

test('create takes any iterable', () => {
  expectTypeOf(ShareableList.create(new Set(['a']))).toEqualTypeOf<ShareableList<string>>();
  expectTypeOf(ShareableList.create(new Float64Array(3))).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create(ShareableList.create([1]))).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create([new Uint8Array(3)]).get(0)).toExtend<Uint8Array>();
});

test('create can be told that a slot will hold more than its first value', () => {
  expectTypeOf(ShareableList.create<number | string>([1])).toEqualTypeOf<ShareableList<number | string>>();
  expectTypeOf(ShareableList.create<Storable>([1]).get(0)).toEqualTypeOf<Storable>();
});

test('create refuses values that a list cannot hold', () => {
  // @ts-expect-error an object is no value
  ShareableList.create([{}]);
  // @ts-expect-error undefined is no value
  ShareableList.create([undefined]);
  // @ts-expect-error a date is no value
  ShareableList.create([1, new Date()]);
  // @ts-expect-error a number cannot be iterated
  ShareableList.create(5);
});

test('attach has the type that it is told, and any value without', () => {
  expectTypeOf(ShareableList.attach<number>('name')).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.attach(handle)).toEqualTypeOf<ShareableList<Storable>>();
  expectTypeOf(ShareableList.attach('name', { readOnly: true, allowForeign: true })).toExtend<Disposable>();
  // @ts-expect-error there is no such option
  ShareableList.attach('name', { readonly: true });
  // @ts-expect-error the handle of a segment is not the handle of a list
  ShareableList.attach({ type: 'SharedMemory', name: 'name' });
});

test('values come out as they go in', () => {
  const list = ShareableList.create([1, 'two']);
  expectTypeOf(list.get).returns.toEqualTypeOf<number | string>();
  expectTypeOf(list.at).returns.toEqualTypeOf<number | string | undefined>();
  expectTypeOf(list.set).parameter(1).toEqualTypeOf<number | string>();
  expectTypeOf(list.toArray()).toEqualTypeOf<(number | string)[]>();
  expectTypeOf([...list]).toEqualTypeOf<(number | string)[]>();
  expectTypeOf([...list.entries()]).toEqualTypeOf<[number, number | string][]>();
  expectTypeOf([...list.keys()]).toEqualTypeOf<number[]>();
  expectTypeOf(list.add).returns.toEqualTypeOf<number | bigint>();
  expectTypeOf(list.indexOf).returns.toEqualTypeOf<number>();
  expectTypeOf(list.shm).toEqualTypeOf<SharedMemory>();
  // @ts-expect-error this list holds no null
  list.set(0, null);
});

test('a list is what the language iterates over and disposes of', () => {
  expectTypeOf<ShareableList<number>>().toExtend<Iterable<number> & Disposable & AsyncDisposable>();
  expectTypeOf<ShareableList['toJSON']>().returns.toEqualTypeOf<ShareableListHandle>();
});

test('what does not change cannot be assigned', () => {
  const list = ShareableList.create([1]);
  // @ts-expect-error the length is fixed
  list.length = 5;
  // @ts-expect-error so is the name
  list.name = 'other';
});
