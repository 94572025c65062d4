/** What docs/containers.md promises of one container. Namespaces stand in for a container engine. */
import { spawnSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';

const isRoot = process.getuid?.() === 0;

/** As an engine mounts it: Docker's options. */
const DOCKER = 'size=64m,mode=1777,noexec,nosuid,nodev';

/** Makes every file system read-only, apart from /dev/shm. `$0` and the arguments are the command. */
const READ_ONLY = `
  mount --make-rprivate / &&
  mount --bind / /mnt && mount -o remount,bind,ro /mnt &&
  mount --rbind /proc /mnt/proc && mount --rbind /dev /mnt/dev &&
  exec chroot /mnt "$@"`;

function inReadOnlyRoot(mount: string): string[] {
  return [...privately(mount), 'sh', '-c', READ_ONLY, 'sh'];
}

const canBeReadOnly =
  isRoot && canHavePrivateMemory && spawnSync('unshare', ['-m', 'sh', '-c', READ_ONLY, 'sh', 'true']).status === 0;

describe.runIf(platform.hasServers && canHavePrivateMemory)('in a container', () => {
  test('with the options that Docker gives /dev/shm, noexec among them, everything works', async () => {
    await using child = forkFixture('containers/peer.ts', { through: privately(DOCKER) });
    expect(await child.ask<string>('mounts')).toMatch(/^\S+ \/dev\/shm tmpfs \S*noexec/m);
    expect(await child.ask('useAll')).toEqual([1, 'one', 3]);
    expect(await child.ask('useManager')).toBe(10);
  });

  test.skipIf(!platform.controlsShmFolder)(
    'a segment larger than /dev/shm is refused with the figures and the remedy',
    async () => {
      await using child = forkFixture('containers/peer.ts', { through: privately(DOCKER) });
      await expect(child.ask('create', 'large', 65 << 20)).rejects.toMatchObject({
        name: 'OutOfSharedMemoryError',
        code: 'ENOSPC',
        message: expect.stringMatching(/64(\.0)? MiB|67108864/),
      });
      await child.ask('create', 'small', 1 << 20);
      await child.ask('disposeAll');
    },
  );

  test.runIf(canBeAnotherUser)('a user that is not root can do everything', async () => {
    const through = [...privately(DOCKER), ...asUser(54_321)];
    await using child = forkFixture('containers/peer.ts', { through });
    expect(await child.ask('uid')).toBe(54_321);
    expect(await child.ask('useAll')).toEqual([1, 'one', 3]);
    expect(await child.ask('useManager')).toBe(10);
  });

  test.runIf(canBeReadOnly)('a read-only root needs only /dev/shm, and a manager a folder for its socket', async () => {
    await using child = forkFixture('containers/peer.ts', { through: inReadOnlyRoot(DOCKER) });
    expect(await child.ask('canWrite', '/tmp/anything')).toBe('EROFS');
    expect(await child.ask('useAll')).toEqual([1, 'one', 3]);
    await expect(child.ask('useManager')).rejects.toMatchObject({
      name: 'SharedMemoryError',
      code: 'EROFS',
      message: expect.stringContaining('TMPDIR'),
    });
  });

  test.runIf(canBeReadOnly)('a read-only root with TMPDIR in /dev/shm can have managers too', async () => {
    const through = [...inReadOnlyRoot(DOCKER), 'env', 'TMPDIR=/dev/shm'];
    await using child = forkFixture('containers/peer.ts', { through });
    expect(await child.ask('useManager')).toBe(10);
  });

  test.runIf(isRoot)("a volume in memory that is mounted over /dev/shm, as Kubernetes' emptyDir, works", async () => {
    const volume = 'mount -t tmpfs -o size=16m,mode=1777 tmpfs /mnt && mount --bind /mnt /dev/shm && exec "$@"';
    const through = [...privately('size=1m'), 'sh', '-c', volume, 'sh'];
    await using child = forkFixture('containers/peer.ts', { through });
    expect(await child.ask('useAll')).toEqual([1, 'one', 3]);
    await child.ask('create', 'of-the-volume', 8 << 20);
    expect(await child.ask<string>('ls')).toContain('"of-the-volume"');
    await child.ask('disposeAll');
  });
});
