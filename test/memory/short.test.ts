/**
 * Every operation, of segments, lists, locks and managers, while the system is short of something: a typed error or
 * success, and in the end no name, mapping, descriptor or child process more than before.
 */
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { processLimit } from '../support/limits.ts';
import { platform } from '../support/platform.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';

/** What operations came to, by their names. */
type Found = Record<string, { outcome: string; left: object }>;

const TYPED = /^(ok|(SharedMemory|OutOfSharedMemory|SegmentAccess|ManagerClosed)Error (E[A-Z]+|ERR_SHM_\w+))$/;

/** Forks the fixture behind a shell's limit, over a mount of its own. */
function start(mount: string, limit = ':'): Child {
  return forkFixture('memory/short.ts', {
    through: [...privately(mount), 'sh', '-c', `${limit} && exec "$@"`, 'sh'],
    execArgv: ['--expose-gc'],
    // It zeroes gigabytes: a quarter of a minute on a machine with ten other processes.
    deadline: 180_000,
  });
}

function expectNothingLeft(found: Found): void {
  expect(Object.entries(found).filter(([, { left }]) => Object.keys(left).length > 0)).toEqual([]);
}

const outcomes = (found: Found) => new Set(Object.values(found).map(({ outcome }) => outcome));

describe.runIf(platform.hasServers && canHavePrivateMemory)(
  'short of (in a mount namespace)',
  { timeout: processLimit(200_000) },
  () => {
    test.each([
      ['nothing', 'nothing', 'size=512m', ':', ['ok']],
      ['open files', 'files', 'size=512m', 'ulimit -n 80', ['SharedMemoryError EMFILE']],
      ['addresses', 'addresses', 'size=512m', ':', ['OutOfSharedMemoryError ENOMEM']],
      ['what a file may have', 'sizes', 'size=512m', ':', ['OutOfSharedMemoryError EFBIG']],
      ['memory in a small mount', 'nothing', 'size=1m', ':', ['OutOfSharedMemoryError ENOSPC']],
      ['memory in a full mount', 'memory', 'size=80m', ':', ['OutOfSharedMemoryError ENOSPC']],
      ['inodes', 'inodes', 'size=512m,nr_inodes=40', ':', ['OutOfSharedMemoryError ENOSPC']],
    ])('%s, every operation succeeds or fails with a typed error, and nothing is left', async (...scene) => {
      const [, shortage, mount, limit, expected] = scene;
      await using child = start(mount, limit);
      await child.ask('prepare');
      const created = await child.ask<Found>('create', shortage);
      expect([...outcomes(created)]).toEqual(expected);
      expectNothingLeft(created);
      const used = await child.ask<Found>('use', shortage);
      expect([...outcomes(used)].filter((outcome) => !TYPED.test(outcome))).toEqual([]);
      expectNothingLeft(used);
      // As if nothing had happened.
      const afterwards = await child.ask<Found>('use', 'nothing');
      expect([...outcomes(afterwards)]).toEqual(['ok']);
      expect(await child.ask('tidyUp')).toEqual([]);
    });

    test.skipIf(!platform.controlsShmFolder)('a writable mount, every creation fails with a typed error', async () => {
      await using child = start('ro,size=1m');
      await child.ask('prepareManagers');
      const created = await child.ask<Found>('create', 'nothing');
      expect([...outcomes(created)]).toEqual(['SegmentAccessError EROFS']);
      // A creation with a random name starts the tracker before it fails. The tracker stays, so the second round adds nothing.
      const again = await child.ask<Found>('create', 'nothing');
      expect([...outcomes(again)]).toEqual(['SegmentAccessError EROFS']);
      expectNothingLeft(again);
      expect(await child.ask('tidyUp')).toEqual([]);
    });
  },
);
