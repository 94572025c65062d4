/** Another process truncates the segment of a channel, an array or a primitive: each use says so, and gives no value of its own. */
import { truncateSync } from 'node:fs';
import { inspect } from 'node:util';

import {
  Barrier,
  Channel,
  Condition,
  Lock,
  RwLock,
  Semaphore,
  SharedArray,
  SharedEvent,
  SharedValue,
  bytes,
  json,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { pathOf } from '../support/segments.ts';
import { platform } from '../support/platform.ts';

const truncated = expect.objectContaining({ code: 'ERR_SHM_TRUNCATED' });

type Uses = Record<string, () => unknown>;

/** The code of the error that a use throws, or the value that it returns. */
function outcomeOf(use: () => unknown): unknown {
  try {
    return use();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

function expectTruncated(uses: Uses): void {
  const outcomes = Object.entries(uses).map(([name, use]) => [name, outcomeOf(use)]);
  expect(outcomes).toEqual(Object.keys(uses).map((name) => [name, 'ERR_SHM_TRUNCATED']));
}

describe.skipIf(!platform.canTruncate).each([0, 4096])('after a truncation to %i bytes', (size) => {
  const truncate = ({ name }: { name: string }) => truncateSync(pathOf(name), size);

  test('a channel', async () => {
    using channel = Channel.create({ capacity: 65_536, codec: bytes });
    const waiting = channel.receiveAsync({ timeout: 10_000 });
    truncate(channel);
    await expect(waiting).rejects.toEqual(truncated);
    expectTruncated({
      trySend: () => channel.trySend(new Uint8Array(10)),
      tryReceive: () => channel.tryReceive(),
      receive: () => channel.receive({ timeout: 10_000 }),
      read: () => channel.read({ timeout: 0 }),
      peers: () => channel.peers(),
    });
  });

  test('an array', () => {
    using array = SharedArray.create([2000], 'float64');
    using matrix = SharedArray.create([100, 20], 'float64');
    for (const one of [array, matrix]) truncate(one);
    expectTruncated({
      at: () => array.at(-1),
      'at again': () => array.at(1999),
      'set of a plain index': () => array.set(1999, 1),
      set: () => array.set(-1, 1),
      fill: () => array.fill(1),
      row: () => array.row(1),
      data: () => array.data,
      'at of a matrix': () => matrix.at(99, 19),
      'set of a matrix': () => matrix.set(99, 19, 1),
    });
    expect(inspect(array)).toContain('unreadable');
  });

  test.runIf(size === 0)('each primitive', async () => {
    using value = SharedValue.create(5, { codec: json<number>() });
    using known = SharedValue.create(5, { codec: json<number>() });
    expect(known.get()).toBe(5);
    using semaphore = Semaphore.create(1);
    using event = SharedEvent.create();
    using rwLock = RwLock.create();
    using barrier = Barrier.create(2);
    using lock = Lock.create();
    using condition = Condition.create();
    for (const one of [value, known, semaphore, event, rwLock, barrier, condition]) truncate(one);
    using guard = lock.acquire();
    expectTruncated({
      'condition wait': () => condition.wait(guard, () => false, { timeout: 10_000 }),
      'value get': () => value.get(),
      'known get': () => known.get(),
      'value set': () => value.set(6),
      'value update': () => value.update((old) => old + 1),
      'value version': () => value.version,
      tryAcquire: () => semaphore.tryAcquire(),
      acquire: () => semaphore.acquire({ timeout: 10_000 }),
      free: () => semaphore.free,
      isSet: () => event.isSet,
      set: () => event.set(),
      'event wait': () => event.wait({ timeout: 10_000 }),
      read: () => rwLock.read({ timeout: 10_000 }),
      write: () => rwLock.write({ timeout: 10_000 }),
      'barrier wait': () => barrier.wait({ timeout: 10_000 }),
      waiting: () => barrier.waiting,
      broken: () => barrier.broken,
    });
    await expect(value.changed({ timeout: 10_000 })).rejects.toEqual(truncated);
    await expect(event.waitAsync({ timeout: 10_000 })).rejects.toEqual(truncated);
    expect(String(semaphore)).toContain(', truncated');
  });
});
