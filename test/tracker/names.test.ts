/** A name that the segment of a dead owner has: the next one to want it gets it, and nobody adopts what was left. */
import { chmodSync, chownSync, statSync } from 'node:fs';

import {
  Barrier,
  Channel,
  Condition,
  Lock,
  RwLock,
  SegmentExistsError,
  Semaphore,
  ShareableList,
  SharedArray,
  SharedEvent,
  SharedMemory,
  SharedValue,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { helperOf } from '../support/processes.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

const FIXTURE = 'tracker/owner.ts';
const isRoot = process.geteuid?.() === 0;

/**
 * What a process creates that is killed together with its tracker, and the number that the process had. This process has
 * attached to each segment before: otherwise the tracker of a test file beside this one could sweep it at any moment.
 */
async function leaveAll<T extends object>(task: string, ...args: unknown[]) {
  await using owner = forkFixture(FIXTURE);
  const left = await owner.ask<T>(task, ...args);
  const attached = Object.values<string>(left as Record<string, string>).map((name) => SharedMemory.attach(name));
  const { pid = 0 } = owner.process;
  process.kill(helperOf(pid), 'SIGKILL');
  await owner.kill();
  return { left, pid, attached };
}

/** The segment of such a process. */
async function leave(): Promise<{ name: string; pid: number; attached: SharedMemory }> {
  const { left, pid, attached } = await leaveAll<string[]>('own', 1);
  const [name = ''] = left;
  expect(exists(name)).toBe(true);
  return { name, pid, attached: attached[0] as SharedMemory };
}

/** `createOrAttach` of each class. */
const classes: Record<string, (name: string) => Disposable> = {
  ShareableList: (name) => ShareableList.createOrAttach(name, [1]),
  SharedArray: (name) => SharedArray.createOrAttach(name, [2], 'int8'),
  Channel: (name) => Channel.createOrAttach(name),
  Lock: (name) => Lock.createOrAttach(name),
  SharedValue: (name) => SharedValue.createOrAttach(name, 1),
  Semaphore: (name) => Semaphore.createOrAttach(name, 1),
  SharedEvent: (name) => SharedEvent.createOrAttach(name),
  RwLock: (name) => RwLock.createOrAttach(name),
  Barrier: (name) => Barrier.createOrAttach(name, 2),
  Condition: (name) => Condition.createOrAttach(name),
};

describe.skipIf(!platform.hasSweep || !platform.listsProcesses)('the name of a segment whose owner is dead', () => {
  test('is free for create', async () => {
    const { name, attached } = await leave();
    attached.close();
    using shm = SharedMemory.create(16, { name });
    expect(shm).toMatchObject({ name, size: 16, isOwner: true });
  });

  test('is free for createOrAttach, which creates', async () => {
    const { name, attached } = await leave();
    attached.close();
    using shm = SharedMemory.createOrAttach(name, 16);
    expect(shm).toMatchObject({ name, size: 16, isOwner: true });
    expect(shm.buf).toEqual(new Uint8Array(16));
  });

  test('is free for once, which runs make', async () => {
    const { name, attached } = await leave();
    attached.close();
    let makes = 0;
    using shm = await SharedMemory.once(name, (create) => {
      makes += 1;
      create(16).buf.fill(7);
    });
    expect([shm.size, shm.isOwner, shm.buf[15], makes]).toEqual([16, true, 7, 1]);
  });

  test.runIf(platform.hasShmFolder)(
    'is free for createOrAttach of each class, and stays taken while in use',
    async () => {
      const { left: names, pid, attached } = await leaveAll<Record<string, string>>('ownNamedOfEachClass');
      expect(Object.keys(names)).toEqual(Object.keys(classes));
      for (const [index, [title, name]] of Object.entries(names).entries()) {
        const { ino } = statSync(pathOf(name));
        const open = () => classes[title]?.(name);
        expect(open).toFailWith(SegmentExistsError, 'EEXIST', `process ${pid} left behind`);
        attached[index]?.close();
        using _created = open();
        expect([title, statSync(pathOf(name)).ino]).not.toEqual([title, ino]);
      }
    },
  );

  test('is given to exactly one of several processes that want it at once', async () => {
    const { name, attached } = await leave();
    attached.close();
    const racers = Array.from({ length: 4 }, () => forkFixture(FIXTURE));
    const owned = await Promise.all(racers.map((racer) => racer.ask<boolean>('createOrAttach', name)));
    expect(owned.filter(Boolean)).toHaveLength(1);
    await Promise.all(racers.map((racer) => racer.kill()));
    expect(exists(name)).toBe(false);
  });

  test.skipIf(!platform.listsUnowned)(
    'stays taken while another process uses the segment, and the error names the former owner',
    async () => {
      const { name, pid, attached } = await leave();
      {
        using _used = attached;
        const words = new RegExp(`process ${pid} left behind .* still has it open or mapped.*'shareable gc'`);
        expect(() => SharedMemory.create(16, { name })).toFailWith(SegmentExistsError, 'EEXIST', words);
        expect(() => SharedMemory.createOrAttach(name, 16)).toFailWith(SegmentExistsError, 'EEXIST', words);
        expect(attached.size).toBe(100);
        using found = await SharedMemory.once(name, () => expect.unreachable('another process uses it'));
        expect(found).toMatchObject({ size: 100, isOwner: false });
      }
      SharedMemory.create(16, { name })[Symbol.dispose]();
    },
  );

  test.runIf(platform.hasShmFolder && isRoot)(
    'stays taken when it is another user’s, and the error says so',
    async () => {
      const { name, attached } = await leave();
      chownSync(pathOf(name), 65534, 65534);
      chmodSync(pathOf(name), 0o1600);
      attached.close();
      expect(() => SharedMemory.create(16, { name })).toFailWith(
        SegmentExistsError,
        'EEXIST',
        'belongs to another user',
      );
      expect(() => SharedMemory.createOrAttach(name, 16)).toFailWith(SegmentExistsError, 'EEXIST', 'another user');
      chownSync(pathOf(name), 0, 0);
      chmodSync(pathOf(name), 0o1600);
      SharedMemory.create(16, { name })[Symbol.dispose]();
    },
  );
});

describe('the name of a segment that has an owner or never had one', () => {
  test('stays taken when another process dies', async () => {
    await using owner = forkFixture(FIXTURE);
    const [name = ''] = await owner.ask<string[]>('own', 1);
    await owner.ask('close', name);
    expect(() => SharedMemory.create(16, { name })).toFailWith(SegmentExistsError, 'EEXIST', 'exists already');
    using attached = SharedMemory.createOrAttach(name, 16);
    expect(attached).toMatchObject({ size: 100, isOwner: false });
    await owner.ask('dispose', name);
  });

  test('stays taken with track: false, and createOrAttach and once attach', async () => {
    const name = freshName();
    SharedMemory.create(100, { name, track: false }).close();
    // As if it had an owner. On macOS, each segment has that bit.
    if (platform.hasShmFolder) chmodSync(pathOf(name), 0o1600);
    expect(() => SharedMemory.create(16, { name })).toFailWith(SegmentExistsError, 'EEXIST', 'exists already');
    using attached = SharedMemory.createOrAttach(name, 16);
    expect(attached.size).toBe(100);
    attached.close();
    using found = await SharedMemory.once(name, () => expect.unreachable('it is meant to stay'));
    expect(found.size).toBe(100);
    found.unlink();
  });
});
