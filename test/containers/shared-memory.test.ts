/**
 * Two containers that share /dev/shm and nothing else (`--ipc=container:NAME`, or one volume): each process is the first of
 * its own PID namespace, so that both have the number 1 and none can see the other.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';

const container = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const canBeContained =
  process.platform === 'linux' && spawnSync('unshare', [...container.slice(1), 'true']).status === 0;

/** Starts a container; the end of its first process ends all others in it, the helper too. */
async function start(): Promise<Child> {
  const child = forkFixture('containers/peer.ts', { through: container });
  expect(await child.ask('pid')).toBe(1);
  return child;
}

interface Sweep {
  removed: string[];
  kept: { name: string }[];
}

describe.runIf(platform.seatsByFileLocks && canBeContained)('two containers that share /dev/shm', () => {
  test('see the same bytes, and neither takes the segment of the other for left behind', async () => {
    await using one = await start();
    await using two = await start();
    const name = freshName();
    await one.ask('create', name);
    await one.ask('write', name, 5);
    const { removed, kept } = await two.ask<Sweep>('sweep');
    expect(removed).not.toContain(name);
    expect(kept.map((segment) => segment.name)).toContain(name);
    const { segments } = JSON.parse(await two.ask<string>('ls')) as { segments: { name: string; isInUse: boolean }[] };
    expect(segments.find((segment) => segment.name === name)).toMatchObject({ isInUse: true });
    // Nor is its name free, although this container has no process that could be the owner.
    await expect(two.ask('create', name)).rejects.toMatchObject({ name: 'SegmentExistsError' });
    expect(await two.ask('createOrAttach', name)).toEqual({ isOwner: false, first: 5 });
    await two.ask('disposeAll');
    expect(exists(name)).toBe(true);
    await one.ask('disposeAll');
    expect(exists(name)).toBe(false);
  });

  test('remove what the other left when it was killed with its helper', async () => {
    const one = await start();
    await using two = await start();
    const name = freshName();
    await one.ask('create', name);
    await one.kill();
    await expect.poll(async () => (await two.ask<Sweep>('sweep')).kept.map((kept) => kept.name)).not.toContain(name);
    expect(exists(name)).toBe(false);
    expect(await two.ask('createOrAttach', name)).toEqual({ isOwner: true, first: 0 });
    await two.ask('disposeAll');
  });

  test.each(['acquire', 'acquireBlocking'])(
    'exclude each other by a lock, and are told when the other dies: %s',
    async (acquire) => {
      const one = await start();
      await using two = await start();
      const name = freshName();
      await two.ask('openLock', name);
      await one.ask('openLock', name);
      expect(await one.ask(acquire)).toBe(false);
      await expect(two.ask(acquire, 100)).rejects.toMatchObject({ name: 'LockTimeoutError' });
      const waiting = two.ask<boolean>(acquire, 20_000);
      await one.kill();
      expect(await waiting).toBe(true);
      await two.ask('release');
    },
  );

  test('send messages, and are told when a producer of the other dies, not before', async () => {
    const one = await start();
    await using two = await start();
    const name = freshName();
    await two.ask('openChannel', name);
    await one.ask('openChannel', name);
    await one.ask('send', 7);
    expect(await two.ask('receive')).toBe(7);
    await expect(two.ask('receive', 100)).rejects.toMatchObject({ name: 'ChannelTimeoutError' });
    await one.kill();
    await expect(two.ask('receive', 20_000)).rejects.toMatchObject({ name: 'ProducerDiedError' });
  });

  // Their process numbers mean nothing to each other: the kernel gives 0 for that of the client.
  test('use one manager, whose socket is in a folder that both have', async () => {
    await using one = await start();
    await using two = await start();
    const folder = mkdtempSync(join(tmpdir(), 'shareable-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const address = join(folder, 'manager.sock');
    await one.ask('startManager', address, 'key');
    const name = await two.ask<string>('createThrough', address, 'key');
    expect(await one.ask('listOfManager')).toEqual([name]);
    expect(await one.ask('createOrAttach', name)).toEqual({ isOwner: false, first: 6 });
    await one.ask('disposeAll');
    await one.ask('shutDown');
    expect(exists(name)).toBe(false);
  });
});
