/** Who unlinks what: only owners do, and only what is still theirs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import type { AttachOptions } from 'shareable';
import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { childrenOf } from '../support/processes.ts';
import { warningsIn } from '../support/warning.ts';

const startOwner = () => forkFixture('tracker/owner.ts', { execArgv: ['--expose-gc'] });

describe('a segment with track: false', () => {
  test('outlives its creator for every way to end, without a warning', async () => {
    await using creator = startOwner();
    const [name = ''] = await creator.ask<string[]>('own', 1, { track: false });
    // With a tracker at work for another one.
    const [owned = ''] = await creator.ask<string[]>('own', 1);
    await creator.kill();
    expect([exists(name), exists(owned)]).toEqual([true, false]);
    expect(warningsIn(creator.stderr)).toEqual([{ count: 1, leaks: [expect.objectContaining({ name: owned })] }]);
    SharedMemory.attach(name).unlink();
  });
});

describe('an attached process', () => {
  test.each<[AttachOptions]>([[{}], ...(platform.hasReadOnly ? [[{ readOnly: true }] as [AttachOptions]] : [])])(
    'that is killed removes nothing (%o)',
    async (options) => {
      using shm = SharedMemory.create(100);
      await using other = startOwner();
      await other.ask('attach', shm.name, options);
      expect(platform.listsProcesses ? childrenOf(other.process.pid ?? 0) : []).toEqual([]);
      await other.kill();
      expect(exists(shm.name)).toBe(true);
      expect(other.stderr).toBe('');
    },
  );

  test('that ends, closes or disposes removes nothing', async () => {
    using shm = SharedMemory.create(100);
    for (const command of ['attach', 'close', 'dispose']) {
      await using other = startOwner();
      await other.ask('attach', shm.name);
      await other.ask(command, shm.name);
      other.process.disconnect();
      await other.end();
      expect(exists(shm.name)).toBe(true);
      expect(other.stderr).toBe('');
    }
  });

  test('whose attach fails half way removes nothing', async () => {
    using shm = SharedMemory.create(100);
    // Ones are no list; the segment is open and mapped by the time that this shows.
    shm.buf.fill(1);
    await using other = startOwner();
    expect(await other.ask('tryToAttachList', shm.name)).toMatchObject({ name: 'LayoutError' });
    await other.kill();
    expect(exists(shm.name)).toBe(true);
    expect(other.stderr).toBe('');
  });

  test.skipIf(!platform.hasProc || !platform.hasLinuxCalls)(
    'that has no room to map the segment removes nothing',
    async () => {
      using shm = SharedMemory.create(256 * 1024 ** 2);
      await using other = startOwner();
      // It answers once it has started, and what it has reserved by then is its own.
      expect(await other.ask('tryToAttach', `${shm.name}x`)).toMatchObject({ name: 'SegmentNotFoundError' });
      const size = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${other.process.pid}/status`, 'utf8'))?.[1]);
      // Too little for the segment, and enough for the engine, whose young generation takes up to 48 MiB.
      execFileSync('prlimit', ['--pid', String(other.process.pid), `--as=${size * 1024 + 192 * 1024 ** 2}`]);
      expect(await other.ask('tryToAttach', shm.name)).toMatchObject({
        name: 'OutOfSharedMemoryError',
        syscall: 'mmap',
      });
      await other.kill();
      expect(exists(shm.name)).toBe(true);
      expect(other.stderr).toBe('');
    },
  );
});

describe('a name that its owner has lost', () => {
  test('to a process that unlinked it is not a leak', async () => {
    await using owner = startOwner();
    const [name = '', kept = ''] = await owner.ask<string[]>('own', 2);
    SharedMemory.attach(name).unlink();
    await owner.kill();
    expect(exists(kept)).toBe(false);
    expect(warningsIn(owner.stderr)).toEqual([{ count: 1, leaks: [expect.objectContaining({ name: kept })] }]);
  });

  test.skipIf(!platform.freesNamesAtOnce || !platform.tellsSegmentsApart)(
    'to another segment is not removed, and there is no warning',
    async () => {
      await using owner = startOwner();
      const [name = ''] = await owner.ask<string[]>('own', 1);
      SharedMemory.attach(name).unlink();
      using other = SharedMemory.create(50, { name });
      await owner.kill();
      expect(exists(name)).toBe(true);
      expect(other.buf.length).toBe(50);
      expect(owner.stderr).toBe('');
    },
  );

  test.skipIf(!platform.freesNamesAtOnce)('and taken again is unlinked once', async () => {
    await using owner = startOwner();
    const [name = ''] = await owner.ask<string[]>('own', 1);
    await owner.ask('unlink', name);
    await owner.ask('own', 1, { name });
    await owner.kill();
    expect(exists(name)).toBe(false);
    expect(warningsIn(owner.stderr)).toMatchObject([{ count: 1 }]);
  });

  test('by unlinking it while a tracker knows is forgotten', async () => {
    await using owner = startOwner();
    const names = await owner.ask<string[]>('own', 3);
    for (const name of names) await owner.ask('unlink', name);
    await owner.kill();
    expect(owner.stderr).toBe('');
  });
});

describe('an owner', () => {
  test('that fails to create removes nothing', async () => {
    using shm = SharedMemory.create(100);
    await using other = startOwner();
    expect(await other.ask('tryToOwn', shm.name)).toMatchObject({ name: 'SegmentExistsError' });
    await other.kill();
    expect(exists(shm.name)).toBe(true);
    expect(other.stderr).toBe('');
  });

  test.skipIf(!platform.listsProcesses).each(['close', 'forget'])(
    'whose instance is gone (%s) still has its segment unlinked at its end',
    async (how) => {
      await using owner = startOwner();
      const [name = ''] = await owner.ask<string[]>('own', 1);
      await owner.ask(how, name);
      expect(exists(name)).toBe(true);
      await owner.kill();
      expect(exists(name)).toBe(false);
      expect(warningsIn(owner.stderr)).toEqual([{ count: 1, leaks: [expect.objectContaining({ name })] }]);
    },
  );
});

describe('the process that leaves', () => {
  test('does not affect existing attachments: their memory stays', async () => {
    const name = freshName();
    await using owner = startOwner();
    await owner.ask('own', 1, { name });
    using attached = SharedMemory.attach(name);
    attached.buf.fill(7);
    await owner.kill();
    expect(exists(name)).toBe(false);
    expect(attached.buf).toEqual(new Uint8Array(100).fill(7));
  });
});
