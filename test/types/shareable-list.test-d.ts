/** What the compiler makes of lists. Checked by `vitest` and by `tsc`. */
import type { ShareableListHandle, SharedMemory, Storable } from 'shareable';
import { ShareableList, slot } from 'shareable';
import { expectTypeOf, test } from 'vitest';

declare const handle: ShareableListHandle;
declare const numbers: ShareableListHandle<number>;

test('create infers the type of each slot, not of its first value', () => {
  const list = ShareableList.create([1, 'two', null, slot(64, 'three'), true]);
  expectTypeOf(list).toExtend<ShareableList<number | string | null | boolean>>();
  expectTypeOf(list.get(0)).toEqualTypeOf<number>();
  expectTypeOf(list.get(1)).toEqualTypeOf<string>();
  expectTypeOf(list.get(2)).toEqualTypeOf<null>();
  expectTypeOf(list.get(3)).toEqualTypeOf<string>();
  expectTypeOf(list.at(4)).toEqualTypeOf<boolean>();
  // Of other indexes the compiler knows no more than what the list holds.
  expectTypeOf(list.get(-1)).toEqualTypeOf<number | string | null | boolean>();
  expectTypeOf(list.get(5)).toEqualTypeOf<number | string | null | boolean>();
  expectTypeOf(list.at(5)).toEqualTypeOf<number | string | null | boolean | undefined>();
  expectTypeOf(list.get(Number('1'))).toEqualTypeOf<number | string | null | boolean>();
  expectTypeOf(ShareableList.create([1, 'a'] as const).get(1)).toEqualTypeOf<string>();
  expectTypeOf(ShareableList.create([1n]).get(0)).toEqualTypeOf<bigint>();
});

test('a list of values of one type is a list of that type', () => {
  const values: number[] = [1, 2];
  expectTypeOf(ShareableList.create(values)).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create([1, 2])).toExtend<ShareableList<number>>();
  expectTypeOf(ShareableList.create([1, 2])).toExtend<ShareableList>();
  expectTypeOf(ShareableList.create([1, 'a'])).not.toExtend<ShareableList<number>>();
  expectTypeOf<ShareableList<number>>().toExtend<ShareableList>();
});

test('createOrAttach infers what create does', () => {
  expectTypeOf(ShareableList.createOrAttach('name', [1, 'two']).get(1)).toEqualTypeOf<string>();
  expectTypeOf(ShareableList.createOrAttach<Storable>('name', [1])).toEqualTypeOf<ShareableList>();
  // @ts-expect-error the name is an argument of its own here
  ShareableList.createOrAttach('name', [1], { name: 'other' });
});

test('a handle keeps the types of the slots', () => {
  const sent = ShareableList.create([1, 'two']).toJSON();
  expectTypeOf(sent).toExtend<ShareableListHandle<number | string>>();
  expectTypeOf(sent).toExtend<ShareableListHandle>();
  expectTypeOf(ShareableList.attach(sent).get(1)).toEqualTypeOf<string>();
  expectTypeOf(ShareableList.attach(numbers)).toEqualTypeOf<ShareableList<number>>();
});

test('add returns a number where the slots hold numbers', () => {
  expectTypeOf(ShareableList.create([1, 2]).add(0, 1)).toEqualTypeOf<number>();
  expectTypeOf(ShareableList.attach<number>('name').add(0, 1n)).toEqualTypeOf<number>();
  expectTypeOf(ShareableList.create([1n]).add(0, 1)).toEqualTypeOf<number | bigint>();
  expectTypeOf(ShareableList.attach('name').add(0, 1)).toEqualTypeOf<number | bigint>();
});

test('create takes any iterable', () => {
  expectTypeOf(ShareableList.create(new Set(['a']))).toEqualTypeOf<ShareableList<string>>();
  expectTypeOf(ShareableList.create(new Float64Array(3))).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create(ShareableList.create([1]))).toEqualTypeOf<ShareableList<number>>();
  expectTypeOf(ShareableList.create(new Set([slot(8, 1)]))).toEqualTypeOf<ShareableList<number>>();
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
  const list = ShareableList.create(['two', 1].slice());
  expectTypeOf(list.get(0)).toEqualTypeOf<number | string>();
  expectTypeOf(list.at(0)).toEqualTypeOf<number | string | undefined>();
  expectTypeOf(list.set).parameter(1).toEqualTypeOf<number | string>();
  expectTypeOf(list.toArray()).toEqualTypeOf<(number | string)[]>();
  expectTypeOf([...list]).toEqualTypeOf<(number | string)[]>();
  expectTypeOf([...list.entries()]).toEqualTypeOf<[number, number | string][]>();
  expectTypeOf([...list.keys()]).toEqualTypeOf<number[]>();
  expectTypeOf(list.capacity(0)).toEqualTypeOf<number>();
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
