/**
 * What publishing costs without subscribers: how often each operation looks whether there is one. The performance guard
 * (`pnpm test:ratios`) counts the instructions of a look.
 */
import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';

import {
  Barrier,
  Channel,
  Lock,
  RwLock,
  Semaphore,
  ShareableList,
  SharedEvent,
  SharedMemory,
  SharedValue,
} from 'shareable';
import { afterAll, describe, expect, test } from 'vitest';

const documented = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
const names = [...documented.matchAll(/^\| `(shareable:[\w:-]+)`/gm)].map(([, name = '']) => name);

let looks = 0;
// Node keeps one channel of a name, so these are the package's.
for (const name of names) {
  Object.defineProperty(channel(name), 'hasSubscribers', {
    configurable: true,
    get: () => {
      looks += 1;
      return false;
    },
  });
}
afterAll(() => names.forEach((name) => Reflect.deleteProperty(channel(name), 'hasSubscribers')));

function looksOf(operation: () => unknown): number {
  looks = 0;
  operation();
  return looks;
}

describe('without subscribers', () => {
  test('creating, attaching and closing look once each, and disposing of an owner once more', () => {
    let shm: SharedMemory | undefined;
    let other: SharedMemory | undefined;
    expect(looksOf(() => (shm = SharedMemory.create(64)))).toBe(1);
    expect(looksOf(() => (other = SharedMemory.attach(shm?.name ?? '')))).toBe(1);
    expect(looksOf(() => other?.close())).toBe(1);
    expect(looksOf(() => shm?.[Symbol.dispose]())).toBe(2);
  });

  test('reading and writing a list never looks', () => {
    using list = ShareableList.create([1, 'two', 3]);
    const use = (): void => {
      list.set(0, 5);
      list.get(1);
      list.set(1, 'tw');
      list.add(2, 1);
      list.indexOf(4);
      list.toArray();
    };
    expect(looksOf(use)).toBe(0);
  });

  test('a lock that is free never looks', () => {
    using lock = Lock.create();
    expect(looksOf(() => lock.acquire().release())).toBe(0);
    expect(looksOf(() => lock.tryAcquire()?.release())).toBe(0);
  });

  test('primitives that need not wait never look', () => {
    using semaphore = Semaphore.create(1);
    using lock = RwLock.create();
    using event = SharedEvent.create();
    using value = SharedValue.create(1);
    using barrier = Barrier.create(2);
    expect(looksOf(() => semaphore.acquire().release())).toBe(0);
    expect(looksOf(() => lock.read().release())).toBe(0);
    expect(looksOf(() => lock.write().release())).toBe(0);
    expect(looksOf(() => event.set())).toBe(0);
    expect(looksOf(() => event.wait())).toBe(0);
    expect(looksOf(() => barrier.reset())).toBe(0);
    expect(looksOf(() => value.set(value.get() + 1))).toBe(0);
  });

  test('messages and room that are there never look', () => {
    using queue = Channel.create<number>();
    expect(looksOf(() => queue.send(1))).toBe(0);
    expect(looksOf(() => queue.trySend(2))).toBe(0);
    expect(looksOf(() => queue.receive())).toBe(0);
    expect(looksOf(() => queue.tryReceive())).toBe(0);
  });
});
