/** The files in which owners are on record, over a simulation of macOS. */
import { expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';
import { freshName } from '../support/segments.ts';

const records = `/tmp/shareable-registry-${process.geteuid?.()}`;

/** Mounts a disk with room for half a record, and runs the arguments. */
const onSmallDisk = `mount -t tmpfs -o size=32k,mode=700 tmpfs ${records} && exec "$@"`;

test.runIf(platform.simulatesMac && canHavePrivateMemory)(
  'a disk without room for an owner’s record makes create fail with the folder as the reason, and leaves no name',
  async () => {
    await using owner = forkFixture('tracker/owner.ts', {
      through: [...privately('size=1m'), 'sh', '-c', onSmallDisk, 'sh'],
    });
    const name = freshName();
    expect(await owner.ask('tryToOwn', name)).toEqual({
      name: 'SharedMemoryError',
      code: 'ENOSPC',
      syscall: 'pwrite',
      message: expect.stringMatching(
        new RegExp(`^cannot make the record of what this process owns, .*: ${records}: No space left on device`),
      ),
    });
    // The name is free, and a segment without an owner needs no record.
    expect(await owner.ask('own', 1, { name, track: false })).toEqual([name]);
    await owner.ask('unlink', name);
  },
);
