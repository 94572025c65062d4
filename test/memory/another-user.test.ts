/**
 * Two users. It takes root to become a second one; without, the tests that need it are reported as skipped, and the last
 * one shows at least that a segment's mode is the system's to enforce.
 */
import { chownSync } from 'node:fs';
import { join } from 'node:path';

import { Lock, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { SHM, exists, freshName } from '../support/segments.ts';

const NOBODY = 65_534;
const asNobody = { through: asUser(NOBODY) };

describe.runIf(platform.tellsUsers && canBeAnotherUser)("another user's segment (as root)", () => {
  test('is refused, although its mode admits everybody', async () => {
    // The umask would take away what the mode gives.
    const umask = process.umask(0);
    using shm = SharedMemory.create(64, { mode: 0o666 });
    process.umask(umask);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    expect(await child.ask('whoami')).toBe(NOBODY);
    await expect(child.ask('attach', shm.name)).rejects.toMatchObject({
      name: 'SegmentAccessError',
      code: 'EACCES',
      message: expect.stringContaining('allowForeign'),
    });
    await expect(child.ask('attach', shm.name, { readOnly: true })).rejects.toMatchObject({
      name: 'SegmentAccessError',
    });
    await expect(child.ask('createOrAttach', shm.name)).rejects.toMatchObject({ name: 'SegmentAccessError' });
    await expect(child.ask('attachList', shm.name)).rejects.toMatchObject({ name: 'SegmentAccessError' });
    expect(exists(shm.name)).toBe(true);
  });

  test('is shared with allowForeign: true', async () => {
    const umask = process.umask(0);
    using shm = SharedMemory.create(64, { mode: 0o666 });
    process.umask(umask);
    shm.buf[0] = 5;
    await using child = forkFixture('memory/another-user.ts', asNobody);
    expect(await child.ask('increment', shm.name)).toBe(6);
    expect(shm.buf[0]).toBe(6);
  });

  test('is refused by the system when its mode does not admit others', async () => {
    using shm = SharedMemory.create(64);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    for (const options of [{}, { readOnly: true }, { allowForeign: true }, { readOnly: true, allowForeign: true }]) {
      await expect(child.ask('attach', shm.name, options)).rejects.toMatchObject({
        name: 'SegmentAccessError',
        code: 'EACCES',
      });
    }
  });

  test('that may be read but not written is attached to read-only', async () => {
    using shm = SharedMemory.create(64, { mode: 0o644 });
    await using child = forkFixture('memory/another-user.ts', asNobody);
    await expect(child.ask('attach', shm.name, { allowForeign: true })).rejects.toMatchObject({ code: 'EACCES' });
    expect(await child.ask('attach', shm.name, { allowForeign: true, readOnly: true })).toBe(64);
  });

  test('is refused to root as well', () => {
    using shm = SharedMemory.create(64);
    // Where a segment is an object of the kernel, this is its simulation.
    chownSync(join(SHM, shm.name), NOBODY, NOBODY);
    expect(() => SharedMemory.attach(shm.name)).toThrow(
      expect.objectContaining({ name: 'SegmentAccessError', segment: shm.name }),
    );
    using allowed = SharedMemory.attach(shm.name, { allowForeign: true });
    expect(allowed.size).toBe(64);
  });

  test('cannot be unlinked, and stays', async () => {
    const umask = process.umask(0);
    using shm = SharedMemory.create(64, { mode: 0o666 });
    process.umask(umask);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    await expect(child.ask('unlink', shm.name)).rejects.toMatchObject({
      name: 'SegmentAccessError',
      code: expect.stringMatching(/^(EPERM|EACCES)$/),
    });
    expect(exists(shm.name)).toBe(true);
  });

  test('is refused when it is a list or a lock, too', async () => {
    const umask = process.umask(0);
    using list = ShareableList.create([1], { mode: 0o666 });
    using lock = Lock.create({ mode: 0o666 });
    process.umask(umask);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    await expect(child.ask('attachList', list.name)).rejects.toMatchObject({ name: 'SegmentAccessError' });
    await expect(child.ask('attachLock', lock.name)).rejects.toMatchObject({ name: 'SegmentAccessError' });
    expect([exists(list.name), exists(lock.name)]).toEqual([true, true]);
    using guard = lock.acquire();
    expect(guard.recovered).toBe(false);
  });

  test('keeps its name', async () => {
    const name = freshName();
    using _shm = SharedMemory.create(64, { name });
    await using child = forkFixture('memory/another-user.ts', asNobody);
    await expect(child.ask('create', name)).rejects.toMatchObject({ name: 'SegmentExistsError', code: 'EEXIST' });
  });
});

describe.runIf(platform.hasServers && canBeAnotherUser)("another user's manager (as root)", () => {
  const authkey = 'a key that both know';

  test('refuses other users at a Unix socket, even with the key', async () => {
    await using manager = await SharedMemoryManager.start({ authkey });
    const { name } = manager.sharedMemory(64);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    await expect(child.ask('connect', manager.address, authkey)).rejects.toMatchObject({ code: 'EACCES' });
    expect(manager.list()).toEqual([name]);
  });

  test('accepts processes with the key by TCP', async () => {
    await using manager = await SharedMemoryManager.start({ authkey, address: 'tcp://127.0.0.1:0' });
    const { name } = manager.sharedMemory(64);
    await using child = forkFixture('memory/another-user.ts', asNobody);
    expect(await child.ask('connect', manager.address, authkey)).toEqual([name]);
  });
});

describe.skipIf(!platform.hasShmFolder || process.geteuid?.() === 0)("this user's own segment (not as root)", () => {
  test('is refused by the system where its mode forbids it', () => {
    using shm = SharedMemory.create(64, { mode: 0 });
    expect(() => SharedMemory.attach(shm.name)).toThrow(
      expect.objectContaining({ name: 'SegmentAccessError', code: 'EACCES' }),
    );
  });
});
