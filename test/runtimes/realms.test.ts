/** Realms with intrinsics of their own: `node:vm`, the REPL, Jest, and Vitest's vm pools. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import vm from 'node:vm';

import { Lock, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { pathOfFixture } from '../support/fixtures.ts';
import { installedNodes } from '../support/nodes.ts';

/** Evaluates an expression in a realm of its own. */
const inRealm = (code: string): unknown => vm.runInNewContext(code);

describe('from another realm', () => {
  test.each(['Float64Array', 'Uint8Array', 'Uint8ClampedArray', 'BigInt64Array', 'Int32Array'])(
    'the constructor %s makes a view',
    (name) => {
      using shm = SharedMemory.create(64);
      const foreign = inRealm(name) as Float64ArrayConstructor;
      const view = shm.array(foreign);
      expect(view.byteLength).toBe(64);
      expect(view).toBeInstanceOf(foreign);
      new Uint8Array(view.buffer)[0] = 7;
      expect(shm.buf[0]).toBe(7);
      const Derived = class extends foreign {};
      expect(shm.array(Derived).byteLength).toBe(64);
    },
  );

  test.each([
    'DataView',
    'Array',
    'ArrayBuffer',
    'Object',
    '(() => {})',
    '({ BYTES_PER_ELEMENT: 8 })',
    'class { static BYTES_PER_ELEMENT = 8; }',
  ])('what makes no typed array is refused: %s', (code) => {
    using shm = SharedMemory.create(64);
    const wrong = inRealm(`(${code})`) as Float64ArrayConstructor;
    expect(() => shm.array(wrong)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'constructor of a typed array');
  });

  test('a key and options start a manager and connect to it', async () => {
    const key = inRealm('new Uint8Array(16).fill(5)') as Uint8Array;
    await using manager = await SharedMemoryManager.start({ authkey: key });
    await using member = await SharedMemoryManager.connect(manager.address ?? '', key);
    expect(member.list()).toEqual([]);
  });

  test('bytes are values of a list, and are found', () => {
    const bytes = inRealm('Uint8Array.of(1, 2)') as Uint8Array;
    using list = ShareableList.create([bytes]);
    expect([list.indexOf(bytes), ...list.get(0)]).toEqual([0, 1, 2]);
  });

  test('an abort signal ends a wait', async () => {
    using lock = Lock.create();
    using other = Lock.attach(lock.name);
    // jsdom and other environments have an AbortSignal of their own.
    const signal = Object.assign(new EventTarget(), { aborted: false, reason: 'enough' });
    const wrong = { signal: inRealm('({ aborted: true })') as AbortSignal };
    await expect(other.acquireAsync(wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    signal.aborted = true;
    const wait = lock.acquireAsync({ signal: signal as unknown as AbortSignal });
    await expect(wait).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' });
  });
});

describe.each(installedNodes)('on Node $major', ({ major, path }) => {
  test('the package works in a realm of its own, with Symbol.dispose or without', async () => {
    const entry = createRequire(import.meta.url).resolve('shareable');
    const args = [pathOfFixture('runtimes/realm.mjs'), entry];
    const { stdout, stderr } = await promisify(execFile)(path, args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      // In the main realm Node 20 and 22 define it by themselves.
      hasDispose: major >= 24,
      views: [1.5, 8, 64],
      values: [1, 'two', 4, 2],
      isHeld: true,
      isError: true,
      stray: 0,
      isGone: true,
    });
  });
});
