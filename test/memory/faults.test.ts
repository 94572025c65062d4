/** Memory that cannot be had when it is touched, and mappings that cannot be had at all: typed errors, and no crash. */
import { expect, describe, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';

const truncated = ['SharedMemoryError', 'ERR_SHM_TRUNCATED'];

describe.skipIf(!platform.canTruncate)('a program that listens to SIGBUS', () => {
  test.each(['on', 'on and off', 'once', 'on twice, off once', 'on, and all off'])(
    'survives a truncated segment (%s)',
    async (replacement) => {
      await using child = forkFixture('memory/faults.ts');
      expect(await child.ask('truncate', replacement)).toEqual({ read: 0, use: truncated });
    },
  );

  test('receives the signals that a process sends', async () => {
    await using child = forkFixture('memory/faults.ts');
    expect(await child.ask('hear')).toBe('SIGBUS');
  });
});

describe.skipIf(!platform.canTruncate)('a truncated segment', () => {
  test('can be read where no memory is left that could be written', async () => {
    await using child = forkFixture('memory/faults.ts');
    expect(await child.ask('withoutMemory', 'truncate')).toEqual({ read: 0, isWithinLimit: true, use: truncated });
  });

  test('of a list is called so at the next use', async () => {
    await using child = forkFixture('memory/faults.ts');
    expect(await child.ask('truncateList')).toEqual([truncated, truncated]);
  });

  test('is called truncated also when it was sparse', async () => {
    await using child = forkFixture('memory/faults.ts');
    expect(await child.ask('truncateSparse')).toEqual(truncated);
  });
});

test.skipIf(!platform.canTruncate)('closing a segment does not take a process over its limit of memory', async () => {
  await using child = forkFixture('memory/faults.ts');
  expect(await child.ask('withoutMemory', 'close')).toEqual({
    read: 'works',
    isWithinLimit: true,
    use: ['SegmentClosedError', 'ERR_SHM_CLOSED'],
  });
});

describe.runIf(platform.canTruncate && canHavePrivateMemory)(
  'a sparse segment on a mount that fills up (in a mount namespace)',
  () => {
    test('loses only the page without memory, and reports ENOSPC', async () => {
      await using child = forkFixture('memory/faults.ts', { through: [...privately('size=8m')] });
      expect(await child.ask('fillMount')).toEqual({
        full: { private: 9, shared: 8, use: ['OutOfSharedMemoryError', 'ENOSPC'], other: 'works' },
        afterwards: { first: 8, lost: 3, use: 'works' },
        list: ['OutOfSharedMemoryError', 'ENOSPC'],
      });
    });
  },
);

describe.runIf(platform.controlsShmFolder && canHavePrivateMemory)(
  'mappings (in a mount namespace)',
  { timeout: 180_000 },
  () => {
    test('run out with a typed error while the engine has some, and everything works afterwards', async () => {
      await using child = forkFixture('memory/faults.ts', { through: [...privately('size=512m')], deadline: 60_000 });
      const found = await child.ask<{ count: number }>('exhaustMappings');
      expect(found).toEqual({
        count: expect.any(Number),
        outcome: ['OutOfSharedMemoryError', 'ENOMEM'],
        works: 1000,
        afterwards: 'works',
      });
      expect(found.count).toBeGreaterThan(50_000);
    });
  },
);
