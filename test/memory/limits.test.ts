/** What the system refuses: each a typed error that leaves nothing behind. */
import { OutOfSharedMemoryError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';

/** Runs a fixture under a limit of the shell. */
const limited = (limit: string) => ['sh', '-c', `${limit} && exec "$@"`, 'sh'];

describe('more than the system has', () => {
  test.skipIf(!platform.controlsShmFolder).each([2 ** 50, Number.MAX_SAFE_INTEGER])(
    '%d bytes are an error with figures and a remedy',
    (size) => {
      const name = freshName();
      let error: unknown;
      try {
        SharedMemory.create(size, { name });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(OutOfSharedMemoryError);
      expect(error).toMatchObject({ segment: name, syscall: 'fallocate' });
      expect((error as OutOfSharedMemoryError).code).toMatch(/^(ENOSPC|ENOMEM|EFBIG)$/);
      const { message } = error as Error;
      expect(message).toContain(`${(size / 2 ** 20).toFixed(1)} MiB were asked for`);
      expect(message).toMatch(/\d+\.\d MiB of \d+\.\d MiB free/);
      expect(message).toContain('--shm-size');
      expect(exists(name)).toBe(false);
    },
  );

  test('is refused by createOrAttach too', () => {
    const name = freshName();
    expect(() => SharedMemory.createOrAttach(name, 2 ** 50)).toThrow(OutOfSharedMemoryError);
    expect(exists(name)).toBe(false);
  });

  test.skipIf(!platform.limitsSegments)('is an error to a list also, which leaves nothing', async () => {
    await using child = forkFixture('memory/limits.ts', { through: limited('ulimit -f 8') });
    expect(await child.ask('createList', 100_000)).toMatchObject({ name: 'OutOfSharedMemoryError', left: false });
  });
});

describe.skipIf(!platform.limitsSegments)('a limit on the size of files', () => {
  test('is an error and no deadly signal, and what fits still works', async () => {
    await using child = forkFixture('memory/limits.ts', { through: limited('ulimit -f 8') });
    expect(await child.ask('create', 1_000_000)).toMatchObject({
      name: 'OutOfSharedMemoryError',
      code: 'EFBIG',
      message: expect.stringContaining('ulimit -f'),
      left: false,
    });
    expect(await child.ask('create', 4096)).toBe('created');
  });
});

describe.skipIf(!platform.limitsSegments)('a limit on open files', () => {
  test('is an error that names it, and leaves neither a file nor a segment', async () => {
    await using child = forkFixture('memory/limits.ts', { through: limited('ulimit -n 64') });
    expect(await child.ask('exhaustFiles')).toEqual({
      create: { name: 'SharedMemoryError', code: 'EMFILE', message: expect.stringContaining('ulimit -n') },
      attach: { name: 'SharedMemoryError', code: 'EMFILE', message: expect.stringContaining('ulimit -n') },
      left: false,
      leaked: 0,
      afterwards: 'created',
    });
  });

  test('does not count segments: a thousand of them stay open under it', async () => {
    await using child = forkFixture('memory/limits.ts', { through: limited('ulimit -n 64') });
    expect(await child.ask('holdMany', 1000)).toBe(0);
  });
});
