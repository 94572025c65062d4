/** Instances come from the factories only, are whole, and take no further properties. */
import {
  Barrier,
  Channel,
  Condition,
  Lock,
  LockGuard,
  RwLock,
  Semaphore,
  ShareableList,
  SharedArray,
  SharedEvent,
  SharedMemory,
  SharedMemoryManager,
  SharedValue,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { exists, freshName } from '../support/segments.ts';

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

describe('a creation whose last step fails', () => {
  type Options = { track: boolean };
  const creations: Record<string, (name: string, options: Options) => unknown> = {
    SharedMemory: (name, options) => SharedMemory.create(8, { name, ...options }),
    ShareableList: (name, options) => ShareableList.create([1], { name, ...options }),
    SharedArray: (name, options) => SharedArray.create([1], 'int8', { name, ...options }),
    Lock: (name, options) => Lock.create({ name, ...options }),
    Channel: (name, options) => Channel.create({ name, ...options }),
    Barrier: (name, options) => Barrier.create(2, { name, ...options }),
    Condition: (name, options) => Condition.create({ name, ...options }),
    RwLock: (name, options) => RwLock.create({ name, ...options }),
    Semaphore: (name, options) => Semaphore.create(2, { name, ...options }),
    SharedEvent: (name, options) => SharedEvent.create({ name, ...options }),
    SharedValue: (name, options) => SharedValue.create(1, { name, ...options }),
    'SharedMemory.createOrAttach': (name, options) => SharedMemory.createOrAttach(name, 8, options),
    'ShareableList.createOrAttach': (name, options) => ShareableList.createOrAttach(name, [1], options),
    'SharedArray.createOrAttach': (name, options) => SharedArray.createOrAttach(name, [1], 'int8', options),
    'Lock.createOrAttach': (name, options) => Lock.createOrAttach(name, options),
    'Channel.createOrAttach': (name, options) => Channel.createOrAttach(name, options),
    'Semaphore.createOrAttach': (name, options) => Semaphore.createOrAttach(name, 2, options),
    'SharedValue.createOrAttach': (name, options) => SharedValue.createOrAttach(name, 1, options),
  };

  /** Runs `f` while the engine refuses what every constructor does at its end, as it does where the stack is full. */
  function failAtTheEnd(f: () => void): void {
    const { preventExtensions } = Object;
    Object.preventExtensions = () => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    try {
      f();
    } finally {
      Object.preventExtensions = preventExtensions;
    }
  }

  test.each(Object.keys(creations))('leaves nothing: %s', (type) => {
    for (const track of [true, false]) {
      const name = freshName();
      expect(() => failAtTheEnd(() => creations[type]?.(name, { track }))).toThrow('Maximum call stack size exceeded');
      expect([track, exists(name)]).toEqual([track, false]);
    }
  });

  test('leaves an existing segment alone', () => {
    using list = ShareableList.create([1]);
    using event = SharedEvent.create();
    for (const attach of [
      () => ShareableList.createOrAttach(list.name, [1]),
      () => ShareableList.attach(list.name),
      () => SharedMemory.attach(list.name),
      () => SharedEvent.createOrAttach(event.name),
      () => SharedEvent.attach(event.name),
    ])
      expect(() => failAtTheEnd(attach)).toThrow(RangeError);
    expect([exists(list.name), exists(event.name)]).toEqual([true, true]);
    expect(list.get(0)).toBe(1);
  });
});
