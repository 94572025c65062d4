/** Where a server makes the folder for its socket, and what it says when it cannot. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { freshFolder } from './support/places.ts';

const REMEDY = 'Set TMPDIR to a short path of a local folder that this user may write to, or give start() an address';
const hasStrace = spawnSync('strace', ['-V']).status === 0;
const isUnix = process.platform !== 'win32';

/** Starts a manager in a process of its own, with `TMPDIR` set and by a further command. */
async function start(temporary: string, through: string[] = []): Promise<{ address: string }> {
  await using peer = forkFixture('manager/peer.ts', { through: ['env', `TMPDIR=${temporary}`, ...through] });
  return await peer.ask('start');
}

/** Runs a command without flock(2), as the file system of Lustre does by default. */
const withoutFlock = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=flock', '-e', 'inject=flock:error=ENOSYS'];

describe.runIf(isUnix)('a manager', () => {
  test.runIf(hasStrace)('whose TMPDIR refuses flock says so, and leaves no folder', async () => {
    using folder = freshFolder();
    const starting = start(folder.path, withoutFlock);
    await expect(starting).rejects.toThrow(`the file system of ${folder.path} refuses flock(2): `);
    await expect(starting).rejects.toThrow(REMEDY);
    await expect(starting).rejects.toMatchObject({ name: 'SharedMemoryError', code: 'ENOSYS' });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('whose TMPDIR is too long for a socket says so, and leaves no folder', async () => {
    using folder = freshFolder();
    const long = join(folder.path, 'x'.repeat(100));
    mkdirSync(long);
    const starting = start(long);
    await expect(starting).rejects.toThrow(`with the ${long.length} bytes of this path`);
    await expect(starting).rejects.toThrow(REMEDY);
    expect(readdirSync(long)).toEqual([]);
  });

  test.runIf(canBeAnotherUser)('starts under a umask of 777, and only this user may enter its folder', async () => {
    using folder = freshFolder();
    const own = join(folder.path, 'own');
    mkdirSync(own, { mode: 0o777 });
    spawnSync('chmod', ['777', own, folder.path]);
    const through = [...asUser(54_321), 'sh', '-c', 'umask 777 && exec "$@"', 'sh'];
    await using peer = forkFixture('manager/peer.ts', { through: ['env', `TMPDIR=${own}`, ...through] });
    const { address } = await peer.ask<{ address: string }>('start');
    expect(statSync(dirname(address)).mode & 0o777).toBe(0o700);
    expect(await peer.ask('list')).toEqual([]);
    await peer.ask('shutdown');
    expect(readdirSync(own)).toEqual([]);
  });

  test.runIf(canBeAnotherUser)('whose TMPDIR cannot be written to says so', async () => {
    using folder = freshFolder();
    spawnSync('chmod', ['755', folder.path]);
    const starting = start(folder.path, asUser(54_321));
    await expect(starting).rejects.toMatchObject({ code: 'EACCES', message: expect.stringContaining(REMEDY) });
  });

  test('whose TMPDIR is not there says so', async () => {
    using folder = freshFolder();
    const starting = start(join(folder.path, 'nowhere'));
    await expect(starting).rejects.toMatchObject({ code: 'ENOENT', message: expect.stringContaining(REMEDY) });
  });

  test.runIf(isUnix && process.getuid?.() === 0)('whose TMPDIR is mounted read-only says so', async () => {
    using folder = freshFolder();
    const script = `mount -t tmpfs -o ro none "$TMPDIR" && exec "$@"`;
    const starting = start(folder.path, ['unshare', '-m', 'sh', '-c', script, 'sh']);
    await expect(starting).rejects.toMatchObject({ code: 'EROFS', message: expect.stringContaining(REMEDY) });
  });
});
