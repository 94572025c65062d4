/** A machine whose /dev/shm cannot be used: `create`, `attach`, `ls` and `doctor` say the same, and what to do. */
import { execFileSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import type { Child } from '../support/child.ts';
import type { Run } from '../support/cli.ts';
import { platform } from '../support/platform.ts';
import { canHavePrivateMemory, forkPrivately } from '../support/private-memory.ts';

const isRoot = process.getuid?.() === 0;

async function mountCheck(child: Child): Promise<{ status: string; message: string; advice: string }> {
  const { stdout } = await child.ask<Run>('run', ['doctor', '--json']);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; status: string; message: string; advice: string }[];
  };
  return checks.find(({ id }) => id === 'mount') as { status: string; message: string; advice: string };
}

/** Checks that `doctor` reports the fault, and that `create` fails with the same words. */
async function expectFault(child: Child, expected: { message: string; advice: string; code: string; name: string }) {
  const { message, advice, code, name } = expected;
  const check = await mountCheck(child);
  expect(check).toMatchObject({ status: 'problem', message });
  expect(check.advice.toLowerCase()).toBe(advice.toLowerCase());
  const sentence = expect.stringContaining(`${message}; ${advice}`);
  await expect(child.ask('create', 4096)).rejects.toMatchObject({ name, code, message: sentence });
}

describe.runIf(platform.controlsShmFolder && canHavePrivateMemory && isRoot)('a /dev/shm that', () => {
  test('is absent is named by create, attach, ls and doctor', async () => {
    await using child = forkPrivately('absent');
    const message = '/dev/shm does not exist';
    const advice = 'mount a tmpfs there: mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm';
    await expectFault(child, { message, advice, code: 'ENOENT', name: 'SharedMemoryError' });
    await expect(child.ask('attach', 'x')).rejects.toMatchObject({
      name: 'SegmentNotFoundError',
      message: expect.stringContaining(`${message}; ${advice}`),
    });
    const { code, stderr } = await child.ask<Run>('run', ['ls']);
    expect(code).toBe(1);
    expect(stderr).toContain(`${message}; ${advice}`);
  });

  test('is mounted read-only is named by create and doctor', async () => {
    await using child = forkPrivately('ro');
    const message = '/dev/shm is mounted read-only';
    const advice = 'make it writable: mount -o remount,rw /dev/shm';
    await expectFault(child, { message, advice, code: 'EROFS', name: 'SegmentAccessError' });
    // Nothing is wrong with looking.
    expect(await child.ask<Run>('run', ['ls'])).toMatchObject({ code: 0 });
    await expect(child.ask('attach', 'x')).rejects.toMatchObject({ name: 'SegmentNotFoundError' });
  });

  test('is a ramfs is named by create and doctor', async () => {
    await using child = forkPrivately('ramfs');
    const message = '/dev/shm is a ramfs, which cannot set memory aside, fallocate(2)';
    const advice = 'mount a tmpfs there: mount -t tmpfs -o mode=1777 tmpfs /dev/shm';
    await expectFault(child, { message, advice, code: 'ENOTSUP', name: 'SharedMemoryError' });
    expect((await child.ask<Run>('run', ['ls'])).stdout).toBe('There are no shared memory segments.\n');
  });

  test.runIf(canBeAnotherUser)('has mode 0755 is named by create and doctor of a user that is not root', async () => {
    await using child = forkPrivately('mode=0755', asUser(54_321));
    const message = 'this user may not create files in /dev/shm, whose mode is 0755';
    const advice = 'allow it: chmod 1777 /dev/shm';
    await expectFault(child, { message, advice, code: 'EACCES', name: 'SegmentAccessError' });
    await expect(child.ask('attach', 'x')).rejects.toMatchObject({ name: 'SegmentNotFoundError' });
  });
});

describe.runIf(platform.controlsShmFolder && canHavePrivateMemory && canBeAnotherUser)(
  'a segment made under a umask of 777',
  () => {
    test('is refused with its mode and the way to mend it', async () => {
      await using child = forkPrivately('mode=1777', asUser(54_321));
      await child.ask('createUnder', 0o777, 'masked');
      await expect(child.ask('attach', 'masked')).rejects.toMatchObject({
        name: 'SegmentAccessError',
        code: 'EACCES',
        message: expect.stringContaining('its mode is 0000'),
      });
      await expect(child.ask('attach', 'masked')).rejects.toThrow('chmod 600 /dev/shm/masked');
      await child.ask('closeAll');
      expect(await child.ask<Run>('run', ['rm', '--force', 'masked'])).toMatchObject({ code: 0 });
    });
  },
);

/** A memory cgroup of the first version with a limit, where this user may make one. */
function limitedCgroup(bytes: number): string[] | undefined {
  const script = `set -e
folder=/sys/fs/cgroup/memory/shareable-test-$$
mkdir "$folder"
# A tracker ends shortly after the process that it watches.
remove() { for _ in $(seq 100); do rmdir "$folder" 2>/dev/null && return; sleep 0.05; done; }
trap remove EXIT
echo ${bytes} > "$folder/memory.limit_in_bytes"
( echo 0 > "$folder/cgroup.procs" || exit 99; exec "$@" ) &
child=$!
wait $child`;
  const command = ['sh', '-c', script, 'sh'];
  try {
    execFileSync('sh', [...command.slice(1), 'true'], { stdio: 'ignore' });
    return command;
  } catch {
    return undefined;
  }
}

describe('a memory cgroup', () => {
  const LIMIT = 300 * 2 ** 20;
  const limited = platform.controlsShmFolder ? limitedCgroup(LIMIT) : undefined;

  test.runIf(limited !== undefined && canHavePrivateMemory)(
    'refuses a segment that would have the process killed, with figures, and doctor shows the limit',
    async () => {
      await using child = forkPrivately('size=1g', limited);
      await expect(child.ask('create', 400 * 2 ** 20)).rejects.toMatchObject({
        name: 'OutOfSharedMemoryError',
        code: 'ENOMEM',
        message: expect.stringMatching(
          /400\.0 MiB were asked for and the memory cgroup of this process has \d+\.\d MiB of 300\.0 MiB left/,
        ),
      });
      // What fits still works.
      await child.ask('create', 32 * 2 ** 20);
      await child.ask('disposeAll');
      const { stdout } = await child.ask<Run>('run', ['doctor', '--json']);
      const { checks } = JSON.parse(stdout) as { checks: { id: string; message: string }[] };
      expect(checks.find(({ id }) => id === 'memory-limit')?.message).toMatch(/MiB of 300\.0 MiB left/);
    },
  );
});
