import { statSync } from 'node:fs';

import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

describe('createOrAttach', () => {
  test('creates a segment that is not there, and owns it', () => {
    const name = freshName();
    {
      using shm = SharedMemory.createOrAttach(name, 100);
      expect(shm).toMatchObject({ name, size: 100, isOwner: true });
      expect(exists(name)).toBe(true);
    }
    expect(exists(name)).toBe(false);
  });

  test('attaches to a segment that is there, and does not own it', () => {
    using owner = SharedMemory.create(100, { name: freshName() });
    owner.buf[99] = 7;
    {
      using shm = SharedMemory.createOrAttach(owner.name, 50);
      expect(shm).toMatchObject({ size: 100, isOwner: false });
      expect(shm.buf[99]).toBe(7);
    }
    expect(exists(owner.name)).toBe(true);
  });

  test('takes an existing segment of exactly the size', () => {
    using owner = SharedMemory.create(100);
    using shm = SharedMemory.createOrAttach(owner.name, 100);
    expect(shm.isOwner).toBe(false);
  });

  test('refuses an existing segment that is too small, and leaves it as it is', () => {
    using owner = SharedMemory.create(100);
    owner.buf.fill(3);
    expect(() => SharedMemory.createOrAttach(owner.name, 101)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', '100 bytes');
    expect(exists(owner.name)).toBe(true);
    expect(owner.buf).toEqual(new Uint8Array(100).fill(3));
  });

  test('with track: false owns nothing, whether it creates or attaches', () => {
    const name = freshName();
    {
      using creator = SharedMemory.createOrAttach(name, 8, { track: false });
      using attached = SharedMemory.createOrAttach(name, 8, { track: false });
      expect([creator.isOwner, attached.isOwner]).toEqual([false, false]);
    }
    using shm = SharedMemory.attach(name);
    shm.unlink();
  });

  test.skipIf(!platform.controlsShmFolder)('gives a new segment the mode', () => {
    const name = freshName();
    using _shm = SharedMemory.createOrAttach(name, 8, { mode: 0o400 });
    expect(statSync(pathOf(name)).mode & 0o777).toBe(0o400);
  });
});
