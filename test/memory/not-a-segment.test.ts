/** What else can have a name in /dev/shm: nothing of it may be followed, waited for, or overwritten. */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SegmentAccessError, SegmentExistsError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { freshName, pathOf } from '../support/segments.ts';

interface Squatter extends AsyncDisposable {
  name: string;
}

/** Lets something take a fresh name. */
async function squat(take: (path: string) => void | Promise<unknown>): Promise<Squatter> {
  const name = freshName();
  await take(pathOf(name));
  return {
    name,
    [Symbol.asyncDispose]: async () => rmSync(pathOf(name), { recursive: true }),
  };
}

const kinds: [string, (path: string) => void | Promise<unknown>][] = [
  ['a folder', (path) => mkdirSync(path)],
  ['a pipe', (path) => execFileSync('mkfifo', [path])],
  ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
  ['a link to a file', (path) => symlinkSync('/etc/hostname', path)],
  [
    'a socket',
    (path) =>
      new Promise<void>((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(path, () => {
          // Closing removes the socket; what the test wants is one that nobody listens at.
          execFileSync('mv', [path, `${path}.kept`]);
          server.close(() => {
            execFileSync('mv', [`${path}.kept`, path]);
            resolve();
          });
        });
      }),
  ],
];

describe.skipIf(!platform.refusesOtherFiles).each(kinds)('%s', (_, take) => {
  test('is not attached to, without waiting', async () => {
    await using squatter = await squat(take);
    for (const readOnly of [false, true]) {
      expect(() => SharedMemory.attach(squatter.name, { readOnly })).toFailWith(
        SegmentAccessError,
        'EACCES',
        squatter.name,
      );
    }
  });

  test('is not replaced by create', async () => {
    await using squatter = await squat(take);
    const { ino } = lstatSync(pathOf(squatter.name));
    expect(() => SharedMemory.create(8, { name: squatter.name })).toFailWith(SegmentExistsError, 'EEXIST');
    expect(lstatSync(pathOf(squatter.name)).ino).toBe(ino);
  });

  test('makes createOrAttach fail instead of trying forever', async () => {
    await using squatter = await squat(take);
    expect(() => SharedMemory.createOrAttach(squatter.name, 8)).toFailWith(SegmentAccessError, 'EACCES');
  });
});

describe.skipIf(!platform.refusesOtherFiles)('a link to a file of this user', () => {
  test('is not followed: the file keeps its bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shareable-'));
    const file = join(folder, 'victim');
    writeFileSync(file, 'precious');
    try {
      await using squatter = await squat((path) => symlinkSync(file, path));
      expect(() => SharedMemory.attach(squatter.name)).toFailWith(SegmentAccessError, 'EACCES');
      expect(() => SharedMemory.create(8, { name: squatter.name })).toFailWith(SegmentExistsError, 'EEXIST');
      expect(() => SharedMemory.createOrAttach(squatter.name, 8)).toFailWith(SegmentAccessError, 'EACCES');
      expect(readFileSync(file, 'utf8')).toBe('precious');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('that takes the name of an unlinked segment stays at dispose', () => {
    const name = freshName();
    const shm = SharedMemory.create(8, { name });
    shm.unlink();
    symlinkSync('/etc/hostname', pathOf(name));
    shm[Symbol.dispose]();
    expect(lstatSync(pathOf(name)).isSymbolicLink()).toBe(true);
    unlinkSync(pathOf(name));
  });
});
