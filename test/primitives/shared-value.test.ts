import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

import {
  Channel,
  Semaphore,
  LayoutError,
  SharedMemory,
  SharedValue,
  SlotFullError,
  WaitAbortedError,
  WaitTimeoutError,
  bytes,
  json,
  struct,
  text,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

describe('a shared value', () => {
  test.each([null, true, false, 0, -0, 1.5, '', 'text', 'größer ☃', [1, [2]], { a: new Map([[1, new Set([2])]]) }])(
    'gives back what was set: %o',
    (value) => {
      using shared = SharedValue.create<unknown>('first');
      expect(shared.get()).toBe('first');
      shared.set(value);
      using other = SharedValue.attach(shared.toJSON());
      expect(other.get()).toStrictEqual(value);
      expect(other.version).toBe(2);
    },
  );

  test.each([
    ['bytes', bytes, Uint8Array.of(1, 2), Uint8Array.of(3)],
    ['text', text, 'a', 'bb'],
    ['json', json<{ a: number }>(), { a: 1 }, { a: 2 }],
    ['struct', struct({ a: 'u32', b: 'text4' }), { a: 1, b: 'x' }, { a: 2, b: 'yy' }],
  ] as const)('has the codec %s', (_, codec, first, second) => {
    using shared = SharedValue.create<unknown>(first, { codec: codec as never });
    expect(shared.get()).toStrictEqual(first);
    shared.set(second);
    using other = SharedValue.attach(shared.name, { codec: codec as never });
    expect(other.get()).toStrictEqual(second);
  });

  test('is decoded once per version', () => {
    using shared = SharedValue.create({ a: 1 });
    expect(shared.get()).toBe(shared.get());
    const before = shared.get();
    shared.set({ a: 1 });
    expect(shared.get()).not.toBe(before);
  });

  test('that is longer than the capacity is refused, and the old value stays', () => {
    using shared = SharedValue.create('x', { capacity: 100 });
    expect(() => shared.set('y'.repeat(101))).toThrow(SlotFullError);
    expect(() => shared.update((old) => old.repeat(101))).toThrow(SlotFullError);
    expect([shared.get(), shared.version]).toEqual(['x', 1]);
    shared.set('y'.repeat(99));
    expect(shared.get()).toHaveLength(99);
    expect(() => SharedValue.create('x'.repeat(100), { capacity: 100 })).toThrow(SlotFullError);
  });

  test('of every length is read whole, also after another participant has written', () => {
    using first = SharedValue.create(new Uint8Array(), { codec: bytes, capacity: 300 });
    using second = SharedValue.attach<Uint8Array>(first.name);
    for (let length = 0; length <= 300; length++) {
      const value = Uint8Array.from({ length }, (_, i) => i ^ length);
      const [writer, reader] = length % 3 === 0 ? [second, first] : [first, second];
      writer.set(value);
      expect(reader.get()).toEqual(value);
      expect(writer.get()).toEqual(value);
      expect(reader.version).toBe(length + 2);
    }
  });

  test('may be of megabytes', () => {
    const value = new Uint8Array(3_000_000).map((_, i) => i * 31);
    using shared = SharedValue.create(value, { codec: bytes });
    expect(Buffer.compare(shared.get(), value)).toBe(0);
    shared.set(value.subarray(0, 2_999_999));
    expect(shared.get()).toHaveLength(2_999_999);
    expect(shared.capacity).toBe(6_000_000);
  });

  test('that cannot be encoded leaves the old value', () => {
    using shared = SharedValue.create<unknown>(1);
    expect(() => shared.set(undefined)).toThrow(TypeError);
    expect(() => shared.set(() => {})).toThrow(TypeError);
    expect(shared.get()).toBe(1);
  });

  test('is refused with another codec, and a segment of another kind is no shared value', () => {
    using shared = SharedValue.create(1);
    expect(() => SharedValue.attach(shared.name, { codec: text as never })).toThrow(LayoutError);
    expect(() => Channel.attach(shared.name)).toThrow(LayoutError);
    using shm = SharedMemory.create(100_000);
    expect(() => SharedValue.attach(shm.name)).toThrow(LayoutError);
    expect(() => SharedValue.attach({ type: 'Lock', name: shared.name } as never)).toThrow(TypeError);
    using semaphore = Semaphore.create(1);
    expect(() => SharedValue.attach(semaphore.name)).toThrow(/holds a semaphore, not a shared value/);
  });

  test.each([
    [{ capacity: 0 }, RangeError],
    [{ capacity: 2 ** 31 + 1 }, RangeError],
    [{ capacity: 1.5 }, RangeError],
    [{ capacity: '1' }, TypeError],
    [{ codec: {} }, TypeError],
    [{ size: 1 }, TypeError],
  ])('refuses the options %o', (options, error) => {
    expect(() => SharedValue.create(1, options as never)).toThrow(error);
  });

  test('is created or attached by name', () => {
    using first = SharedValue.createOrAttach(freshName(), 1);
    using second = SharedValue.createOrAttach(first.name, 2);
    expect(second.get()).toBe(1);
  });

  test('is a handle as JSON, in messages and by structured clone', () => {
    using shared = SharedValue.create(1);
    const handle = { type: 'SharedValue', name: shared.name };
    expect(JSON.parse(JSON.stringify(shared))).toEqual(handle);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(shared);
    expect(receiveMessageOnPort(port2)?.message).toMatchObject(handle);
    port1.close();
  });

  test('says so after close', async () => {
    const shared = SharedValue.create(1);
    expect(String(shared)).toBe(`SharedValue('${shared.name}', version 1)`);
    const pending = shared.changed();
    shared[Symbol.dispose]();
    await expect(pending).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(String(shared)).toBe(`SharedValue('${shared.name}', closed)`);
    expect([shared.closed, shared.version]).toEqual([true, 0]);
    expect(() => shared.get()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(() => shared.set(2)).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(() => shared.update(() => 2)).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    shared.close();
    shared[Symbol.dispose]();
  });
});

describe('update', () => {
  test('loses no change of three processes', async () => {
    using shared = SharedValue.create(0);
    await using first = forkFixture('primitives/value-peer.ts');
    await using second = forkFixture('primitives/value-peer.ts');
    await Promise.all([first, second].map((child) => child.ask('attach', shared.toJSON())));
    const done = Promise.all([first, second].map((child) => child.ask('increment', 2000)));
    for (let i = 0; i < 2000; i++) shared.update((value) => value + 1);
    await done;
    expect(shared.get()).toBe(6000);
    expect(shared.version).toBe(6001);
  });

  test('leaves the old value when the function throws, and gives it a copy to change', () => {
    using shared = SharedValue.create({ a: 1 });
    expect(() =>
      shared.update((value) => {
        value.a = 2;
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(shared.get()).toEqual({ a: 1 });
    expect(shared.update((value) => Object.assign(value, { a: 3 }))).toEqual({ a: 3 });
    expect(shared.get()).toEqual({ a: 3 });
  });

  test('may not be nested, and may not return a promise', () => {
    using shared = SharedValue.create<unknown>(1);
    const held = expect.objectContaining({ code: 'ERR_SHM_LOCK_HELD' });
    expect(() => shared.update(() => shared.update(() => 2))).toThrow(held);
    expect(() => shared.update(() => shared.set(2))).toThrow(held);
    using other = SharedValue.attach<unknown>(shared.name);
    expect(() => shared.update(() => other.update(() => 2))).toThrow(held);
    expect(() => shared.update(() => other.set(2))).toThrow(held);
    expect(() => shared.update(async () => 2)).toThrow(TypeError);
    shared.set(3);
    other.set(4);
    expect(shared.update((value) => Number(value) + 1)).toBe(5);
  });

  test('of a process that is killed within it leaves the old value, and the turn to others', async () => {
    using shared = SharedValue.create(7);
    await using child = forkFixture('primitives/value-peer.ts');
    await child.ask('attach', shared.toJSON());
    const updating = new Promise((resolve) => child.process.on('message', (m) => m === 'updating' && resolve(m)));
    await child.ask('updateForEver');
    await updating;
    expect(shared.get()).toBe(7);
    await child.kill();
    shared.set(8);
    expect(shared.update((value) => value + 1)).toBe(9);
  });
});

describe('changed', () => {
  test('resolves to the value that another process sets', async () => {
    using shared = SharedValue.create(0);
    await using child = forkFixture('primitives/value-peer.ts');
    await child.ask('attach', shared.toJSON());
    const values = Promise.all([shared.changed(), shared.changed(), shared.changed({ since: 1 })]);
    await child.ask('set', 5);
    expect(await values).toEqual([5, 5, 5]);
    const remote = child.ask('changed');
    const version = await child.ask('version');
    expect(version).toBe(2);
    shared.set(6);
    expect(await remote).toBe(6);
  });

  test('resolves at once when the caller knows an older version', async () => {
    using shared = SharedValue.create('old');
    shared.set('new');
    expect(await shared.changed({ since: 1 })).toBe('new');
  });

  test('ends by its time-out, its signal and its options', async () => {
    using shared = SharedValue.create(0);
    await expect(shared.changed({ timeout: 20 })).rejects.toThrow(WaitTimeoutError);
    await expect(shared.changed({ timeout: 0 })).rejects.toThrow(WaitTimeoutError);
    const controller = new AbortController();
    const pending = shared.changed({ signal: controller.signal });
    controller.abort('enough');
    await expect(pending).rejects.toThrow(expect.objectContaining({ name: 'AbortError', cause: 'enough' }));
    await expect(shared.changed({ signal: AbortSignal.abort() })).rejects.toThrow(WaitAbortedError);
    await expect(shared.changed({ since: 'x' as never })).rejects.toThrow(TypeError);
    await expect(shared.changed({ timeout: -1 })).rejects.toThrow(RangeError);
  });

  test('tells for await the latest value, skips others, and ends with close', async () => {
    const shared = SharedValue.create(0);
    await using child = forkFixture('primitives/value-peer.ts');
    await child.ask('attach', shared.toJSON());
    const collected = child.ask('collect', 50) as Promise<number[]>;
    for (let i = 1; i <= 50; i++) {
      shared.set(i);
      if (i % 10 === 0) await sleep(2);
    }
    const seen = await collected;
    expect(seen.at(-1)).toBe(50);
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
    const rest: number[] = [];
    for await (const value of shared) {
      rest.push(value);
      setImmediate(() => shared[Symbol.dispose]());
    }
    expect(rest).toEqual([50]);
  });
});

describe('a writer', () => {
  test('never shows a reader a torn value, also when it is killed', async () => {
    using shared = SharedValue.create(new Float64Array(500));
    for (let round = 0; round < 5; round++) {
      await using child = forkFixture('primitives/value-peer.ts');
      await child.ask('attach', shared.toJSON());
      await child.ask('setForEver', 500);
      const before = shared.version;
      for (let reads = 0; reads < 300 || shared.version === before; reads++) {
        const value = shared.get();
        expect(value.every((item) => item === value[0])).toBe(true);
      }
      await child.kill();
      const value = shared.get();
      expect(value.every((item) => item === value[0])).toBe(true);
      shared.set(value);
    }
  });

  test.skipIf(!platform.hasSignals)('that is stopped within update does not stop readers', async () => {
    using shared = SharedValue.create(1);
    await using child = forkFixture('primitives/value-peer.ts');
    await child.ask('attach', shared.toJSON());
    const updating = new Promise((resolve) => child.process.on('message', (m) => m === 'updating' && resolve(m)));
    await child.ask('updateForEver');
    await updating;
    child.process.kill('SIGSTOP');
    for (let i = 0; i < 1000; i++) expect(shared.get()).toBe(1);
    await child.kill();
  });
});

test('a worker thread shares the value, and its end in update frees the turn', async () => {
  using shared = SharedValue.create(1);
  const worker = new Worker(
    `import { SharedValue } from 'shareable';
     import { parentPort, workerData } from 'node:worker_threads';
     SharedValue.attach(workerData).update(() => { parentPort.postMessage('in'); while (true); });`,
    { eval: true, workerData: shared.toJSON() } as never,
  );
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
  shared.set(2);
  expect(shared.get()).toBe(2);
});
