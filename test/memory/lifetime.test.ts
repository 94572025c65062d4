import { SegmentNotFoundError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { exists, freshName } from '../support/segments.ts';

describe('the owner', () => {
  test('is the creator of the segment with track: true, the default', () => {
    using one = SharedMemory.create(8);
    using two = SharedMemory.create(8, { track: true });
    expect([one.isOwner, two.isOwner]).toEqual([true, true]);
  });

  test('unlinks at the end of its using scope', () => {
    let name: string;
    {
      using shm = SharedMemory.create(8);
      ({ name } = shm);
      expect(exists(name)).toBe(true);
    }
    expect(exists(name)).toBe(false);
  });

  test('unlinks at the end of an await using scope', async () => {
    let name: string;
    {
      await using shm = SharedMemory.create(8);
      ({ name } = shm);
      expect(exists(name)).toBe(true);
    }
    expect(exists(name)).toBe(false);
  });

  test('unlinks when its scope ends by an exception', () => {
    const name = freshName();
    const fail = () => {
      using _shm = SharedMemory.create(8, { name });
      throw new Error('out of here');
    };
    expect(fail).toThrow('out of here');
    expect(exists(name)).toBe(false);
  });

  test('does not unlink at close, only at dispose', () => {
    const shm = SharedMemory.create(8);
    shm.close();
    expect(exists(shm.name)).toBe(true);
    shm[Symbol.dispose]();
    expect(exists(shm.name)).toBe(false);
  });

  test('leaves the memory to existing attachments when it unlinks', () => {
    const shm = SharedMemory.create(8);
    using attached = SharedMemory.attach(shm.name);
    shm.buf[0] = 5;
    shm[Symbol.dispose]();
    expect(attached.buf[0]).toBe(5);
    attached.buf[0] = 6;
    expect(attached.buf[0]).toBe(6);
  });

  test('can dispose twice', async () => {
    const shm = SharedMemory.create(8);
    shm[Symbol.dispose]();
    shm[Symbol.dispose]();
    await shm[Symbol.asyncDispose]();
    expect(shm.closed).toBe(true);
  });

  test('disposes without an error after it unlinked', () => {
    const shm = SharedMemory.create(8);
    shm.unlink();
    shm[Symbol.dispose]();
    expect(shm.closed).toBe(true);
  });

  test('disposes without an error after another process unlinked', () => {
    const shm = SharedMemory.create(8);
    using attached = SharedMemory.attach(shm.name);
    attached.unlink();
    shm[Symbol.dispose]();
    expect(shm.closed).toBe(true);
  });

  test.skipIf(!platform.freesNamesAtOnce || !platform.tellsSegmentsApart)(
    'does not remove another segment that has taken its name',
    () => {
      const name = freshName();
      const old = SharedMemory.create(8, { name });
      old.unlink();
      using young = SharedMemory.create(8, { name });
      expect(() => old.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT', 'another segment');
      old[Symbol.dispose]();
      expect(exists(name)).toBe(true);
      expect(young.buf.length).toBe(8);
    },
  );
});

describe('a segment with track: false', () => {
  test('outlives its creator', () => {
    const name = freshName();
    {
      using shm = SharedMemory.create(8, { name, track: false });
      expect(shm.isOwner).toBe(false);
      shm.buf[0] = 9;
    }
    using later = SharedMemory.attach(name);
    expect(later.buf[0]).toBe(9);
    later.unlink();
  });

  test('is unlinked by hand, after close too', () => {
    const shm = SharedMemory.create(8, { track: false });
    shm[Symbol.dispose]();
    expect(exists(shm.name)).toBe(true);
    shm.unlink();
    expect(exists(shm.name)).toBe(false);
  });
});

describe('unlink', () => {
  test('removes the name at once', () => {
    using shm = SharedMemory.create(8);
    shm.unlink();
    expect(exists(shm.name)).toBe(false);
    expect(shm.closed).toBe(false);
  });

  test('fails with ENOENT the second time, by any process', () => {
    using shm = SharedMemory.create(8);
    using attached = SharedMemory.attach(shm.name);
    shm.unlink();
    for (const instance of [shm, attached]) {
      expect(() => instance.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT', shm.name);
    }
  });
});

describe('close', () => {
  test('can be called again and again', () => {
    using shm = SharedMemory.create(8);
    shm.close();
    shm.close();
    expect(shm.closed).toBe(true);
  });

  test('keeps the contents for later attachments', () => {
    using shm = SharedMemory.create(8);
    shm.buf.set([1, 2, 3]);
    shm.close();
    using later = SharedMemory.attach(shm.name);
    expect([...later.buf]).toEqual([1, 2, 3, 0, 0, 0, 0, 0]);
  });

  test('leaves name, size and the rest readable', () => {
    using shm = SharedMemory.create(8);
    const { name, size, mappedSize, isOwner } = shm;
    shm.close();
    expect(shm).toMatchObject({ name, size, mappedSize, isOwner, closed: true });
    expect(shm.toJSON()).toEqual({ type: 'SharedMemory', name });
  });
});
