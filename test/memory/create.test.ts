import { statSync } from 'node:fs';

import { SegmentExistsError, SharedMemory, pageSize } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { bytesOf, exists, freshName, pathOf } from '../support/segments.ts';

/** A container has 64 MiB in all, if nobody asks for more. */
const LARGE = 16 * 1024 * 1024;

type Naming = [title: string, make: () => string];

const longNames: Naming[] = [['of 255 bytes', () => freshName().padEnd(255, 'x')]];
const quotedNames: Naming[] = [['with a space and a quote', () => `${freshName()} '"`]];

describe('create', () => {
  test('makes a segment of zeros of exactly the size that was asked for', () => {
    using shm = SharedMemory.create(10_001);
    expect(shm.size).toBe(10_001);
    expect(shm.buffer.byteLength).toBe(10_001);
    expect(bytesOf(shm.name)).toEqual(Buffer.alloc(10_001));
  });

  test.skipIf(!platform.controlsShmFolder)('reserves the memory at once, so that no later write can fail', () => {
    using shm = SharedMemory.create(16 * pageSize);
    expect(statSync(pathOf(shm.name)).blocks * 512).toBe(16 * pageSize);
  });

  test('uses the given name, without a slash', () => {
    const name = freshName();
    using shm = SharedMemory.create(8, { name });
    expect(shm.name).toBe(name);
    expect(exists(name)).toBe(true);
  });

  test.skipIf(!platform.namesByPsm)('chooses a name of at least 80 random bits that is short enough for macOS', () => {
    using first = SharedMemory.create(8);
    using second = SharedMemory.create(8);
    expect(first.name).not.toBe(second.name);
    for (const { name } of [first, second]) {
      expect(name).toMatch(/^psm_[0-9a-z]{16,26}$/);
      expect(exists(name)).toBe(true);
    }
  });

  test.each<Naming>([
    ['beyond ASCII', () => `${freshName()}-é数🦀`],
    ...(platform.hasLongNames ? longNames : []),
    ...(platform.hasQuotesInNames ? quotedNames : []),
    ['that begins with a dot', () => `.${freshName()}`],
  ])('takes a name %s', (_, make) => {
    const name = make();
    using shm = SharedMemory.create(8, { name });
    using same = SharedMemory.attach(name);
    expect(same.name).toBe(name);
    shm.buf[0] = 1;
    expect(same.buf[0]).toBe(1);
  });

  test.skipIf(!platform.hasShmFolder)('makes the segment usable by its user only, if not told otherwise', () => {
    using shm = SharedMemory.create(8);
    expect(statSync(pathOf(shm.name)).mode & 0o777).toBe(0o600);
  });

  test.skipIf(!platform.controlsShmFolder).each([0o640, 0o400, 0o777, 0])(
    'gives the segment mode %i, less the umask',
    (mode) => {
      using shm = SharedMemory.create(8, { mode });
      expect(statSync(pathOf(shm.name)).mode & 0o777).toBe(mode & ~process.umask());
      shm.buf[7] = 1;
      expect(shm.buf[7]).toBe(1);
    },
  );

  test('never takes over or changes a segment that exists', () => {
    const name = freshName();
    using shm = SharedMemory.create(8, { name });
    shm.buf.fill(7);
    expect(() => SharedMemory.create(16, { name })).toFailWith(SegmentExistsError, 'EEXIST', name);
    expect(bytesOf(name)).toEqual(Buffer.alloc(8, 7));
  });

  test.skipIf(!platform.freesNamesAtOnce)(
    'can use a name again after unlink, while the old segment is still in use',
    () => {
      const name = freshName();
      using old = SharedMemory.create(8, { name });
      old.buf.fill(1);
      old.unlink();
      using young = SharedMemory.create(8, { name });
      expect(young.buf).toEqual(new Uint8Array(8));
      young.buf.fill(2);
      expect(old.buf[0]).toBe(1);
    },
  );

  test('names the existing segment in the error', () => {
    using shm = SharedMemory.create(8);
    let error: unknown;
    try {
      SharedMemory.create(8, { name: shm.name });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: 'SegmentExistsError', segment: shm.name, syscall: expect.any(String) });
  });

  test('is, with attach, the only way to get an instance', () => {
    // @ts-expect-error the constructor is private
    expect(() => new SharedMemory()).toFailWith(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      'SharedMemory.create(size, options)',
    );
  });

  test('makes a segment of one byte, and one of many pages', () => {
    using small = SharedMemory.create(1);
    using large = SharedMemory.create(LARGE + 1);
    small.buf[0] = 255;
    large.buf[LARGE] = 254;
    expect(bytesOf(small.name)).toEqual(Buffer.of(255));
    expect(large.buf.at(-1)).toBe(254);
    expect(small.buf.at(-1)).toBe(255);
  });
});

describe('mappedSize', () => {
  test.each([
    [1, 1],
    [pageSize - 1, 1],
    [pageSize, 1],
    [pageSize + 1, 2],
    [10 * pageSize, 10],
  ])('of %i bytes is %i pages', (size, pages) => {
    using shm = SharedMemory.create(size);
    expect(shm.mappedSize).toBe(pages * pageSize);
    using other = SharedMemory.attach(shm.name);
    expect(other.mappedSize).toBe(pages * pageSize);
  });
});
