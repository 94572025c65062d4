/** Bad arguments: each is refused by class and code before anything is made. */
import { Lock, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, namesInUse } from '../support/segments.ts';

type Make = (size: unknown, name: string) => SharedMemory;

const makers: [string, Make][] = [
  ['create', (size, name) => SharedMemory.create(size as number, { name })],
  ['createOrAttach', (size, name) => SharedMemory.createOrAttach(name, size as number)],
];

describe.each(makers)('%s', (_, make) => {
  test.each([0, -0, -1, -4096, 0.5, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, 2 ** 63, 2 ** 64, Number.MAX_VALUE])(
    'refuses the size %d with a RangeError',
    (size) => {
      const name = freshName();
      expect(() => make(size, name)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'size');
      expect(exists(name)).toBe(false);
    },
  );

  test.each([['8'], [8n], [undefined], [null], [true], [[8]], [{ valueOf: () => 8 }], [Symbol('8')]])(
    'refuses the size %o with a TypeError',
    (size) => {
      const name = freshName();
      expect(() => make(size, name)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'size');
      expect(exists(name)).toBe(false);
    },
  );
});

describe('a name', () => {
  const uses: [string, (name: string) => unknown][] = [
    ['create', (name) => SharedMemory.create(8, { name })],
    ['createOrAttach', (name) => SharedMemory.createOrAttach(name, 8)],
    ['attach', (name) => SharedMemory.attach(name)],
    ['attach by a handle', (name) => SharedMemory.attach({ type: 'SharedMemory', name })],
  ];

  describe.each(uses)('of %s', (_, use) => {
    test.each([
      ['empty', ''],
      ['.', '.'],
      ['..', '..'],
      ['with a slash', 'a/b'],
      ['with a slash before it', '/absolute'],
      ['that climbs out', '../tmp/x'],
      ['with a NUL', 'before\0after'],
      ['with a newline', 'a\nUNREGISTER:b:shared_memory'],
      ['with a tab', 'a\tb'],
      ['with a delete character', 'a\u007Fb'],
      ['of 256 bytes', 'x'.repeat(256)],
      ['of 256 bytes in 128 characters', 'é'.repeat(128)],
      ['with a lone surrogate', 'a\uD800b'],
    ])('is refused when it is %s', (__, name) => {
      expect(() => use(name)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'name');
      // CPython makes a segment of what stands before the NUL.
      expect(namesInUse()).not.toContain('before');
    });
  });

  test.skipIf(!platform.hasShmFolder)('is refused when it is one of a POSIX semaphore', () => {
    for (const act of [
      () => SharedMemory.create(8, { name: 'sem.mine' }),
      () => SharedMemory.createOrAttach('sem.mine', 8),
      () => SharedMemory.attach('sem.mine'),
    ]) {
      expect(act).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', "begins with 'sem.'");
    }
  });

  test.each([[8], [8n], [null], [true], [['a']], [Symbol('a')], [Buffer.from('a')]])(
    'is refused when it is %o',
    (value) => {
      const name = value as unknown as string;
      expect(() => SharedMemory.create(8, { name })).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'name');
      expect(() => SharedMemory.createOrAttach(name, 8)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'name');
    },
  );
});

describe('a handle', () => {
  test.each([[undefined], [null], [8], [true], [Symbol('a')], [() => {}]])('is refused when it is %o', (handle) => {
    expect(() => SharedMemory.attach(handle as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
  });

  test.each([
    ['an empty object', {}],
    ['an array', []],
    ['one of a list', { type: 'ShareableList', name: 'x' }],
    ['one of an unknown class', { type: 'Toaster', name: 'x' }],
    ['without a type', { name: 'x' }],
    ['whose type is no text', { type: 1, name: 'x' }],
  ])('is refused when it is %s', (_, handle) => {
    expect(() => SharedMemory.attach(handle as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', 'SharedMemory');
  });

  test.each([
    ['without a name', { type: 'SharedMemory' }],
    ['with a number for a name', { type: 'SharedMemory', name: 8 }],
    ['with null for a name', { type: 'SharedMemory', name: null }],
  ])('is refused when it is %s', (_, handle) => {
    expect(() => SharedMemory.attach(handle as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'name');
  });
});

describe('options', () => {
  const uses: [string, (options: unknown, name: string) => unknown][] = [
    ['create', (options, name) => SharedMemory.create(8, { ...(options as object), name })],
    ['createOrAttach', (options, name) => SharedMemory.createOrAttach(name, 8, options as object)],
  ];

  describe.each(uses)('of %s', (_, use) => {
    test.each([-1, 0.5, Number.NaN, Infinity, 0o1000, 0o1600, 2 ** 32 + 0o600])('are refused with mode %d', (mode) => {
      const name = freshName();
      expect(() => use({ mode }, name)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'mode');
      expect(exists(name)).toBe(false);
    });

    test.each([['600'], [null], [0o600n], [true]])('are refused with mode %o', (mode) => {
      const name = freshName();
      expect(() => use({ mode }, name)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'mode');
      expect(exists(name)).toBe(false);
    });

    test.each([['yes'], [null], [0], [1]])('are refused with track %o', (track) => {
      const name = freshName();
      expect(() => use({ track }, name)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'track');
      expect(exists(name)).toBe(false);
    });

    test('may have members that are undefined', () => {
      const name = freshName();
      use({ mode: undefined, track: undefined }, name);
      expect(exists(name)).toBe(true);
      using shm = SharedMemory.attach(name);
      shm.unlink();
    });
  });

  describe('that nothing knows', () => {
    const name = 'never made';
    const calls: [string, (options: object) => unknown, string][] = [
      ['SharedMemory.create', (options) => SharedMemory.create(8, options), 'name, track, mode'],
      ['SharedMemory.createOrAttach', (options) => SharedMemory.createOrAttach(name, 8, options), 'track, mode'],
      ['SharedMemory.attach', (options) => SharedMemory.attach(name, options), 'readOnly, allowForeign'],
      ['ShareableList.create', (options) => ShareableList.create([1], options), 'name, track, mode'],
      ['ShareableList.createOrAttach', (options) => ShareableList.createOrAttach(name, [1], options), 'track, mode'],
      ['ShareableList.attach', (options) => ShareableList.attach(name, options), 'readOnly, allowForeign'],
      ['Lock.create', (options) => Lock.create(options), 'name, track, mode'],
    ];

    test.each(calls)('are refused by %s, which lists its own', (_, call, known) => {
      expect(() => call({ color: 'red' })).toFailWith(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        `'color': the options here are ${known}`,
      );
    });

    test.each(calls)('are refused by %s with the name that was meant', (_, call, known) => {
      const meant = known.split(', ')[0] as string;
      const misspelt = meant.toUpperCase();
      const message = `unknown option '${misspelt}': did you mean ${meant}?`;
      expect(() => call({ [misspelt]: 'x' })).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', message);
    });

    test('are refused by the ways to acquire a lock, and by managers', async () => {
      using lock = Lock.create();
      const wrong = { timeOut: 1 } as never;
      const expected = {
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining('timeout'),
      };
      expect(() => lock.acquire(wrong)).toThrow(expect.objectContaining(expected));
      await expect(lock.acquireAsync(wrong)).rejects.toMatchObject(expected);
      await expect(SharedMemoryManager.start({ authKey: 'x' } as never)).rejects.toMatchObject({
        ...expected,
        message: expect.stringContaining('did you mean authkey?'),
      });
    });

    test('may be undefined', () => {
      using shm = SharedMemory.create(8, { color: undefined } as object);
      expect(exists(shm.name)).toBe(true);
    });
  });

  test.each([[null], ['name'], [8], [true]])('are refused when they are %o', (options) => {
    const wrong = options as never;
    using shm = SharedMemory.create(8);
    expect(() => SharedMemory.create(8, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'options');
    expect(() => SharedMemory.createOrAttach(shm.name, 8, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    expect(() => SharedMemory.attach(shm.name, wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'options');
  });

  test.each(['readOnly', 'allowForeign'])('of attach are refused with a %s that is not a boolean', (option) => {
    using shm = SharedMemory.create(8);
    for (const value of ['yes', 1, 0, null]) {
      const options = { [option]: value } as never;
      expect(() => SharedMemory.attach(shm.name, options)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', option);
    }
  });
});
