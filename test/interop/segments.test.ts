/** Raw segments between CPython and this library. */
import { SegmentExistsError, SegmentNotFoundError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName } from '../support/segments.ts';
import { whilePending } from '../support/until.ts';
import { pythons, sharePeer } from './support/pythons.ts';

/** What CPython sees of a segment of less than a page: by the rules of macOS, that page and one with the trailer. */
const sizeThere = (size: number) => (platform.hasShmFolder ? size : 2 * 16_384);

test('there is a CPython to test with', () => {
  expect(pythons.length).toBeGreaterThan(0);
});

describe.each(pythons)('with Python $version', (python) => {
  const peer = sharePeer(python);

  test('a segment made here is read and written there', async () => {
    using shm = SharedMemory.create(100, { name: freshName() });
    shm.buf.set([1, 2, 3]);
    expect(await peer.ask('attach_segment', shm.name)).toBe(sizeThere(100));
    expect(await peer.ask('read', 0, 4)).toEqual([1, 2, 3, 0]);
    await peer.ask('write', 97, [7, 8, 9]);
    expect([...shm.buf.subarray(97)]).toEqual([7, 8, 9]);
  });

  test('a segment made there is read and written here', async () => {
    const name = freshName();
    await peer.ask('create_segment', name, 100);
    await peer.ask('write', 0, [1, 2, 3]);
    using shm = SharedMemory.attach(name);
    expect(shm.size).toBe(100);
    expect([...shm.buf.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    shm.buf[99] = 9;
    expect(await peer.ask('read', 99, 100)).toEqual([9]);
    await peer.ask('unlink_segment');
  });

  test('a random name made here can be attached to there', async () => {
    using shm = SharedMemory.create(8);
    expect(await peer.ask('attach_segment', shm.name)).toBe(sizeThere(8));
  });

  // Before 3.13 the resource tracker knows ASCII only.
  test.runIf(python.minor >= 13)('non-ASCII names mean the same in both', async () => {
    using shm = SharedMemory.create(8, { name: `${freshName()}-é🦀` });
    shm.buf[0] = 5;
    await peer.ask('attach_segment', shm.name);
    expect(await peer.ask('read', 0, 1)).toEqual([5]);
  });

  test('both refuse to create a name of the other', async () => {
    const [ours, theirs] = [freshName(), freshName()];
    using _shm = SharedMemory.create(8, { name: ours });
    await expect(peer.ask('create_segment', ours, 8)).rejects.toMatchObject({ name: 'FileExistsError' });
    await peer.ask('create_segment', theirs, 8);
    expect(() => SharedMemory.create(8, { name: theirs })).toFailWith(SegmentExistsError, 'EEXIST');
    await peer.ask('unlink_segment');
  });

  test('what it unlinks does not exist here, and createOrAttach creates it again', async () => {
    const name = freshName();
    await peer.ask('create_segment', name, 64);
    {
      using attached = SharedMemory.createOrAttach(name, 64);
      expect(attached.isOwner).toBe(false);
      await peer.ask('unlink_segment');
      expect(() => attached.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT');
    }
    using created = SharedMemory.createOrAttach(name, 64);
    expect(created.isOwner).toBe(true);
  });

  test('what is unlinked here does not exist there', async () => {
    const shm = SharedMemory.create(64, { name: freshName() });
    await peer.ask('attach_segment', shm.name);
    shm[Symbol.dispose]();
    expect(await peer.ask('read', 0, 1)).toEqual([0]);
    await expect(peer.ask('attach_segment', shm.name)).rejects.toMatchObject({ name: 'FileNotFoundError' });
  });

  test('attach waits for a segment that has a name but no size yet', async () => {
    const name = freshName();
    const size = 12_345;
    let attached = 0;
    await whilePending(peer.ask('make_and_unlink', name, size, 2000), () => {
      for (let tries = 0; tries < 200; tries++) {
        try {
          using shm = SharedMemory.attach(name);
          expect(shm.size).toBe(size);
          attached += 1;
        } catch (error) {
          if (!(error instanceof SegmentNotFoundError)) throw error;
        }
      }
    });
    expect(attached).toBeGreaterThan(0);
    expect(exists(name)).toBe(false);
  });
});
