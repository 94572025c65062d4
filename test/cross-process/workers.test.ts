/** Worker threads: each has an addon of its own over the same address space. */
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';

const host = (): Child => forkFixture('cross-process/worker-host.ts', { execArgv: ['--expose-gc'] });

describe('a worker thread', () => {
  test('shares a segment with its host by a handle', async () => {
    await using child = host();
    expect(await child.ask('share')).toEqual({ byWorker: 1, byHost: 7 });
  });

  test('gets a handle through a message port', async () => {
    await using child = host();
    expect(await child.ask('clone')).toBe(64);
  });

  test.skipIf(!platform.hasProc || !platform.hasZerosAfterClose).each([
    ['ends without closing', 'leave', 0],
    ['disposes and ends', 'dispose', 0],
    ['calls process.exit()', 'exit', 0],
    ['throws', 'throw', 1],
  ])('that %s leaves the segment, and no mapping', async (_, then, code) => {
    await using child = host();
    expect(await child.ask('end', then)).toEqual({ code, kept: true, written: 1, mappings: 1 });
  });

  test.skipIf(!platform.hasProc || !platform.hasZerosAfterClose)(
    'that is terminated while it waits leaves the segment, and no mapping',
    async () => {
      await using child = host();
      expect(await child.ask('terminate', 'wait', 10)).toEqual({ kept: true, written: 10, mappings: 1 });
    },
  );

  test.skipIf(!platform.hasProc || !platform.hasZerosAfterClose)(
    'that is terminated while it writes leaves the segment, and no mapping',
    async () => {
      await using child = host();
      expect(await child.ask('terminate', 'spin', 5)).toEqual({ kept: true, written: 5, mappings: 1 });
    },
  );

  test.skipIf(!platform.hasProc || !platform.hasZerosAfterClose)(
    'that is terminated in the middle of a call to the addon leaves the segment whole',
    async () => {
      await using child = host();
      expect(await child.ask('terminateAtWork', 20)).toEqual({ first: 'whole', mappings: 1 });
    },
  );

  test('adds beside others, and no addition is lost', async () => {
    await using child = host();
    expect(await child.ask('add', 4)).toBe(201_000);
  });

  test('keeps working when its host has disposed of the segment', async () => {
    await using child = host();
    expect(await child.ask('closeBefore')).toBe(0);
  });
});

describe('a segment that a worker thread makes', () => {
  test('is gone when the worker disposes of it', async () => {
    await using child = host();
    expect(await child.ask('create', true, 'dispose')).toBe('gone');
  });

  test('outlives the worker with track: false', async () => {
    await using child = host();
    expect(await child.ask('create', false, 'leave')).toBe(42);
  });
});
