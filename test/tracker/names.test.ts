/** A name that the segment of a dead owner has: the next one to want it gets it, and nobody adopts what was left. */
import { chmodSync, chownSync } from 'node:fs';

import { SegmentExistsError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { helperOf } from '../support/processes.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

const FIXTURE = 'tracker/owner.ts';
const isRoot = process.geteuid?.() === 0;

/** The segment of a process that was killed together with its tracker, and the number that the process had. */
async function leave(): Promise<{ name: string; pid: number }> {
  await using owner = forkFixture(FIXTURE);
  const [name = ''] = await owner.ask<string[]>('own', 1);
  const { pid = 0 } = owner.process;
  process.kill(helperOf(pid), 'SIGKILL');
  await owner.kill();
  expect(exists(name)).toBe(true);
  return { name, pid };
}

describe.skipIf(!platform.hasSweep || !platform.listsProcesses)('the name of a segment whose owner is dead', () => {
  test('is free for create', async () => {
    const { name } = await leave();
    using shm = SharedMemory.create(16, { name });
    expect(shm).toMatchObject({ name, size: 16, isOwner: true });
  });

  test('is free for createOrAttach, which creates', async () => {
    const { name } = await leave();
    using shm = SharedMemory.createOrAttach(name, 16);
    expect(shm).toMatchObject({ name, size: 16, isOwner: true });
    expect(shm.buf).toEqual(new Uint8Array(16));
  });

  test('is free for once, which runs make', async () => {
    const { name } = await leave();
    let makes = 0;
    using shm = await SharedMemory.once(name, (create) => {
      makes += 1;
      create(16).buf.fill(7);
    });
    expect([shm.size, shm.isOwner, shm.buf[15], makes]).toEqual([16, true, 7, 1]);
  });

  test('is given to exactly one of several processes that want it at once', async () => {
    const { name } = await leave();
    const racers = Array.from({ length: 4 }, () => forkFixture(FIXTURE));
    const owned = await Promise.all(racers.map((racer) => racer.ask<boolean>('createOrAttach', name)));
    expect(owned.filter(Boolean)).toHaveLength(1);
    await Promise.all(racers.map((racer) => racer.kill()));
    expect(exists(name)).toBe(false);
  });

  test.skipIf(!platform.listsUnowned)(
    'stays taken while another process uses the segment, and the error names the former owner',
    async () => {
      const { name, pid } = await leave();
      {
        using attached = SharedMemory.attach(name);
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
      const { name } = await leave();
      chownSync(pathOf(name), 65534, 65534);
      chmodSync(pathOf(name), 0o1600);
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
