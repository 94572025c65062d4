/** Instances come from the factories only, are whole, and take no further properties. */
import { Lock, LockGuard, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

type AnyClass = new (...args: unknown[]) => object;

describe('new', () => {
  test.each<[unknown, string]>([
    [SharedMemory, 'SharedMemory.create(size, options) or SharedMemory.attach(name)'],
    [ShareableList, 'ShareableList.create(values) or ShareableList.attach(name)'],
    [Lock, 'Lock.create() or Lock.attach(name)'],
    [LockGuard, 'lock.acquire(), lock.acquireAsync() or lock.tryAcquire()'],
  ])('throws and says what to call, whatever the arguments (%o)', (Class, instead) => {
    const symbol = Symbol('internal');
    for (const args of [
      [],
      [[1]],
      [{ name: 'x', size: 8 }],
      [8],
      ['name'],
      [undefined, {}],
      [{}, {}],
      [symbol, {}, {}],
    ]) {
      expect(() => new (Class as AnyClass)(...args)).toFailWith(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        `use ${instead}, not new`,
      );
    }
  });
});

describe('an instance', () => {
  test('takes no further properties: list[0] = 5 is a TypeError', () => {
    using list = ShareableList.create([1]);
    using lock = Lock.create();
    using manager = new SharedMemoryManager();
    for (const instance of [list, list.shm, lock, manager]) {
      const open = instance as unknown as Record<string | number, unknown>;
      expect(() => (open[0] = 5)).toThrow(TypeError);
      expect(() => (open['sise'] = 5)).toThrow(TypeError);
      expect(Object.isExtensible(instance)).toBe(false);
    }
    expect(list.get(0)).toBe(1);
  });

  test('still makes its buffer, closes and disposes when it is used afterwards', () => {
    const shm = SharedMemory.create(8);
    shm.array(Float64Array)[0] = 1.5;
    expect(shm.buf.length).toBe(8);
    shm[Symbol.dispose]();
    expect(shm.closed).toBe(true);
  });
});
