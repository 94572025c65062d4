/** A manager with a server, and processes that connect to it, while nothing goes wrong. */
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ManagerClosedError, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { childrenOf, isKnown, serversOf } from '../support/processes.ts';
import { exists } from '../support/segments.ts';
import { folderExists } from './support/places.ts';

/** Other versions of Node, where this machine has them. */
const runtimes = ['node20', 'node22', 'node26']
  .map((name) => ({ name, execPath: fileURLToPath(new URL(`../node_modules/${name}/bin/node`, import.meta.url)) }))
  .filter(({ execPath }) => existsSync(execPath));

const PEER = 'manager/peer.ts';
const CLOSED = 'ERR_SHM_MANAGER_CLOSED';

describe('a manager with a server', () => {
  test('unlinks what this process and others created through it, and its address, at the end of its scope', async () => {
    const names: string[] = [];
    let address: string | null;
    {
      await using manager = await SharedMemoryManager.start();
      ({ address } = manager);
      names.push(manager.sharedMemory(10).name, manager.shareableList([1]).name, manager.lock().name);
      await using peer = forkFixture(PEER);
      await peer.ask('connect', address, manager.authkey);
      names.push(...(await peer.ask<string[]>('make')));
      expect(manager.list().toSorted()).toEqual(names.toSorted());
      expect((await peer.ask<string[]>('list')).toSorted()).toEqual(names.toSorted());
      expect(names.every(exists)).toBe(true);
    }
    expect(names.filter(exists)).toEqual([]);
    expect(folderExists(address)).toBe(false);
  });

  test('ends its server when a using scope disposes of it without waiting', async () => {
    let block: SharedMemory;
    let address: string | null;
    {
      using manager = await SharedMemoryManager.start();
      ({ address } = manager);
      block = manager.sharedMemory(10);
    }
    expect([exists(block.name), folderExists(address)]).toEqual([false, false]);
    block.close();
  });

  test.skipIf(!platform.listsProcesses)('has ended and reaped its tracker when shutdown() is over', async () => {
    const before = serversOf(process.pid);
    const manager = await SharedMemoryManager.start();
    manager.sharedMemory(10);
    const servers = serversOf(process.pid).filter((pid) => !before.includes(pid));
    const trackers = servers.flatMap(childrenOf);
    expect([servers.length, trackers.length]).toEqual([1, 1]);
    await manager.shutdown();
    // Not even as zombies, which nobody would reap where Node is process 1 of a container.
    expect([...servers, ...trackers].filter(isKnown)).toEqual([]);
  });

  test.skipIf(!platform.hasSocketFiles)('admits only this user: mode 0600 in a folder of mode 0700', async () => {
    await using manager = await SharedMemoryManager.start();
    const address = manager.address ?? '';
    expect(statSync(address).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(address)).mode & 0o777).toBe(0o700);
  });

  test('has a random key of 32 bytes, and returns copies of it', async () => {
    await using manager = await SharedMemoryManager.start();
    await using other = await SharedMemoryManager.start();
    expect(manager.authkey).toHaveLength(32);
    expect(manager.authkey).not.toEqual(other.authkey);
    manager.authkey?.fill(0);
    expect(manager.authkey).not.toEqual(new Uint8Array(32));
  });

  test('takes a string as a key by its UTF-8', async () => {
    await using manager = await SharedMemoryManager.start({ authkey: 'schlüssel' });
    expect(manager.authkey).toEqual(new TextEncoder().encode('schlüssel'));
    using member = await SharedMemoryManager.connect(manager.address ?? '', 'schlüssel');
    expect(member.list()).toEqual([]);
  });

  test('stays when a member disposes of its connection, with what the member created', async () => {
    await using manager = await SharedMemoryManager.start();
    const member = await SharedMemoryManager.connect(manager.address ?? '', manager.authkey ?? '');
    const block = member.shareableList(['kept']);
    block[Symbol.dispose]();
    member[Symbol.dispose]();
    expect(() => member.list()).toFailWith(ManagerClosedError, CLOSED, 'connection');
    expect(() => member.sharedMemory(1)).toFailWith(ManagerClosedError, CLOSED);
    expect(manager.list()).toEqual([block.name]);
    using attached = ShareableList.attach(block.name);
    expect(attached.toArray()).toEqual(['kept']);
  });

  test('protects closed segments that no process has mapped from a sweep', async () => {
    await using manager = await SharedMemoryManager.start();
    await using peer = forkFixture(PEER);
    await peer.ask('connect', manager.address, manager.authkey);
    const names = await peer.ask<string[]>('make');
    await using sweeper = forkFixture('tracker/owner.ts');
    // Its tracker sweeps when it starts, and is done with that when it is gone.
    await sweeper.ask('createInScope');
    await sweeper[Symbol.asyncDispose]();
    expect(names.filter(exists)).toEqual(names);
  });

  test('forgets what is unlinked by hand in any process', async () => {
    await using manager = await SharedMemoryManager.start();
    using member = await SharedMemoryManager.connect(manager.address ?? '', manager.authkey ?? '');
    const [one, other, third] = [member.sharedMemory(10), manager.sharedMemory(10), member.sharedMemory(10)];
    one.unlink();
    using attached = SharedMemory.attach(other.name);
    attached.unlink();
    expect(manager.list()).toEqual([third.name]);
  });

  test('after its end fails for starter and members, and leaves what is open usable', async () => {
    const manager = await SharedMemoryManager.start();
    using member = await SharedMemoryManager.connect(manager.address ?? '', manager.authkey ?? '');
    const block = manager.sharedMemory(10);
    await manager.shutdown();
    for (const either of [manager, member]) {
      expect(() => either.sharedMemory(10)).toFailWith(ManagerClosedError, CLOSED);
      expect(() => either.list()).toFailWith(ManagerClosedError, CLOSED);
    }
    await manager.shutdown();
    expect(block.buf).toHaveLength(10);
    block.close();
    await expect(SharedMemoryManager.connect(manager.address ?? '', 'key')).rejects.toThrow(ManagerClosedError);
  });

  test.skipIf(!platform.createsQuickly)('keeps thousands of segments, and lists them', async () => {
    await using manager = await SharedMemoryManager.start();
    const names = Array.from({ length: 3000 }, () => {
      using block = manager.sharedMemory(8);
      return block.name;
    });
    expect(manager.list().toSorted()).toEqual(names.toSorted());
    await manager.shutdown();
    expect(names.filter(exists)).toEqual([]);
  });

  test.each(['terminate', 'shutdown'])('of a worker thread ends with the thread: %s', async (how) => {
    await using peer = forkFixture(PEER);
    const names = await peer.ask<string[]>('inWorker', how);
    await expect.poll(() => names.filter(exists)).toEqual([]);
  });

  test.each(runtimes)('works on $name', async ({ execPath }) => {
    await using peer = forkFixture('manager/runtime.mjs', { execPath, serialization: 'json' });
    const { names, listed } = await peer.ask<{ names: string[]; listed: string[] }>('wholeLife');
    expect(listed.toSorted()).toEqual(names.toSorted());
    expect(names.filter(exists)).toEqual([]);
  });
});
