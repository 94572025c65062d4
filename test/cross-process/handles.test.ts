/** What is sent to others: handles, or the objects themselves, which every serialization turns into handles. */
import { once } from 'node:events';
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

import { tableFromArrays } from 'apache-arrow';
import type { LockHandle, ShareableListHandle, SharedArrayHandle, SharedMemoryHandle } from 'shareable';
import { Channel, Lock, ShareableList, SharedArray, SharedMemory } from 'shareable';
import { attachTable, shareTable } from 'shareable/arrow';
import { describe, expect, test } from 'vitest';

import { pathOfFixture } from '../support/fixtures.ts';
import { forkFixture } from '../support/fork-fixture.ts';

/** What arrives where a value is sent through a message port. */
function throughPort(value: unknown): unknown {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const received = receiveMessageOnPort(port2) as { message: unknown };
  port1.close();
  return received.message;
}

const ways: [string, (value: unknown) => unknown][] = [
  ['structuredClone', (value) => structuredClone(value)],
  ['a message port', throughPort],
  ['JSON', (value) => JSON.parse(JSON.stringify(value))],
  ['a handle through structuredClone', (value) => structuredClone((value as SharedMemory).toJSON())],
];

describe.each(ways)('through %s', (_, send) => {
  test('a channel and a table arrive as something to attach to', () => {
    using channel = Channel.create<string>();
    using attached = Channel.attach<string>(send(channel) as ReturnType<typeof channel.toJSON>);
    channel.send('hello');
    expect(attached.receive({ timeout: 10_000 })).toBe('hello');
    using shared = shareTable(tableFromArrays({ x: Int32Array.of(1, 2) }));
    using table = attachTable(send(shared) as ReturnType<typeof shared.toJSON>);
    expect(table.table.getChild('x')?.get(1)).toBe(2);
  });

  test('a segment arrives as something to attach to', () => {
    using shm = SharedMemory.create(100);
    shm.buf[99] = 7;
    using same = SharedMemory.attach(send(shm) as SharedMemoryHandle);
    expect([same.name, same.buf[99], same.isOwner]).toEqual([shm.name, 7, false]);
  });

  test('a list arrives as something to attach to', () => {
    using list = ShareableList.create([1, 'two']);
    using same = ShareableList.attach(send(list) as ShareableListHandle);
    expect(same.toArray()).toEqual([1, 'two']);
  });

  test('an array arrives as something to attach to', () => {
    using array = SharedArray.from([1, 2, 3]);
    using same = SharedArray.attach(send(array) as SharedArrayHandle);
    expect([...same.data]).toEqual([1, 2, 3]);
  });

  test('a lock arrives as something to attach to', () => {
    using lock = Lock.create();
    using same = Lock.attach(send(lock) as LockHandle);
    using _guard = same.acquire();
    expect(lock.tryAcquire()).toBeNull();
  });

  test('one class does not pass for another', () => {
    using list = ShareableList.create([1]);
    const sent = send(list) as never;
    expect(() => SharedMemory.attach(sent)).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      "its type is 'ShareableList'",
    );
  });
});

test.each(['advanced', 'json'] as const)(
  'a child process with %s serialization attaches to what it is sent',
  async (serialization) => {
    await using peer = forkFixture('cross-process/list-peer.ts', { serialization });
    using list = ShareableList.create([1, 2, 3]);
    expect(await peer.ask('attach', list)).toBe(3);
    expect(await peer.ask('toArray')).toEqual([1, 2, 3]);
  },
);

test('a worker thread attaches to what is in its workerData and in its messages', async () => {
  using shm = SharedMemory.create(64);
  using list = ShareableList.create([0]);
  using lock = Lock.create();
  const given = { shm, list, lock };
  const worker = new Worker(pathOfFixture('cross-process/handle-worker.ts'), { workerData: given });
  // From the start: Node emits the last message and the exit in one turn.
  const exited = once(worker, 'exit');
  expect(await once(worker, 'message')).toEqual([{ size: 64, sum: 1, isOwner: false }]);
  worker.postMessage(given);
  expect(await once(worker, 'message')).toEqual([{ size: 64, sum: 2, isOwner: false }]);
  await exited;
  expect([shm.buf[0], list.get(0)]).toEqual([2, 2]);
});

test('an object without a type is refused with what to send instead', () => {
  using shm = SharedMemory.create(8);
  const { name, size } = shm;
  const attach = () => SharedMemory.attach({ name, size } as never);
  expect(attach).toFailWith(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    'Send the result of its toJSON(), such as shm.toJSON()',
  );
});
