/** Whichever process ends, in any way, everything created through a manager is unlinked. */
import { Lock, SegmentExistsError, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { ignores, isAlive, serversOf } from '../support/processes.ts';
import { folderExists } from './support/places.ts';

const PEER = 'manager/peer.ts';
const CLOSED = 'ERR_SHM_MANAGER_CLOSED';

interface Started {
  address: string;
  authkey: Uint8Array;
}

/** Nobody on Windows, which tells no children: there the pipe, which goes with its server, has to do. */
function serverOf({ process: { pid = 0 } }: { process: { pid?: number | undefined } }): number {
  if (!platform.listsProcesses) return -1;
  const [server = 0, ...others] = serversOf(pid);
  expect(others).toEqual([]);
  return server;
}

async function startWithMember(): Promise<[starter: Child, member: Child, started: Started]> {
  const starter = forkFixture(PEER);
  const member = forkFixture(PEER);
  const started = await starter.ask<Started>('start');
  await member.ask('connect', started.address, started.authkey);
  return [starter, member, started];
}

describe('a starter that', () => {
  test.each([
    ['is killed', (starter: Child) => starter.kill('SIGKILL')],
    ['is interrupted', (starter: Child) => starter.kill('SIGINT')],
    [
      'ends without a word',
      async (starter: Child) => {
        starter.process.disconnect();
        await starter.exit;
      },
    ],
  ])('%s ends everything: segments of all members, server, socket and folder', async (_, end) => {
    const [starter, member, { address }] = await startWithMember();
    await using _starter = starter;
    await using _member = member;
    const server = serverOf(starter);
    const names = [...(await starter.ask<string[]>('make')), ...(await member.ask<string[]>('make'))];
    expect(names.every(exists)).toBe(true);
    await end(starter);
    await starter.end();
    await expect.poll(() => [names.filter(exists), folderExists(address), isAlive(server)]).toEqual([[], false, false]);
    await expect(member.ask('list')).rejects.toMatchObject({ name: 'ManagerClosedError', code: CLOSED });
    await expect(member.ask('make')).rejects.toMatchObject({ name: 'ManagerClosedError', code: CLOSED });
  });

  test('calls process.exit() in the scope ends everything', async () => {
    await using starter = forkFixture(PEER);
    await expect(starter.ask('exitInScope')).rejects.toThrow('ended with code 3');
    await starter.end();
  });

  test.skipIf(!platform.hasSignals)('is killed with its whole group ends everything', async () => {
    await using starter = forkFixture(PEER, { through: ['setsid'] });
    const { address } = await starter.ask<Started>('start');
    const names = await starter.ask<string[]>('make');
    process.kill(-(starter.process.pid ?? 0), 'SIGKILL');
    await starter.end();
    await expect.poll(() => [names.filter(exists), folderExists(address)]).toEqual([[], false]);
  });
});

describe('a member that is killed', () => {
  test('leaves its segments until the manager ends', async () => {
    const [starter, member] = await startWithMember();
    await using _starter = starter;
    const names = await member.ask<string[]>('make');
    await member.kill();
    expect((await starter.ask<string[]>('list')).toSorted()).toEqual(names.toSorted());
    expect(names.filter(exists)).toEqual(names);
    await starter.ask('shutdown');
    expect(names.filter(exists)).toEqual([]);
  });

  test('leaves a name that createOrAttach and once attach to, because the manager owns it', async () => {
    await using manager = await SharedMemoryManager.start();
    await using member = forkFixture(PEER);
    await member.ask('connect', manager.address, manager.authkey);
    const name = freshName();
    await member.ask('makeNamed', name);
    await member.kill();
    using lock = Lock.createOrAttach(name);
    using shm = await SharedMemory.once(name, () => expect.unreachable('the manager owns it'));
    lock.close();
    shm.close();
    expect(() => Lock.create({ name })).toFailWith(SegmentExistsError, 'EEXIST', 'exists already');
    expect(manager.list()).toEqual([name]);
  });

  test.skipIf(!platform.createsQuickly)(
    'while it creates a segment leaves none behind, at any instruction',
    async () => {
      await using manager = await SharedMemoryManager.start();
      for (let round = 0; round < 20; round++) {
        await using member = forkFixture(PEER);
        await member.ask('connect', manager.address, manager.authkey);
        await member.ask('makeForever');
        // Any number of creations, none among them: what matters is that they are under way.
        for (let turn = 0; turn <= round * 20; turn++) await new Promise(setImmediate);
        await member.kill();
      }
      const names = manager.list();
      await manager.shutdown();
      expect(names.filter(exists)).toEqual([]);
    },
  );
});

describe.skipIf(!platform.listsProcesses)('a server that is killed', () => {
  test('makes its manager throw ManagerClosedError, and its segments and its address are removed', async () => {
    const [starter, member, { address }] = await startWithMember();
    await using _starter = starter;
    await using _member = member;
    const names = [...(await starter.ask<string[]>('make')), ...(await member.ask<string[]>('make'))];
    process.kill(serverOf(starter), 'SIGKILL');
    for (const peer of [starter, member]) {
      await expect(peer.ask('make')).rejects.toMatchObject({ name: 'ManagerClosedError', code: CLOSED });
      await expect(peer.ask('list')).rejects.toMatchObject({ name: 'ManagerClosedError', code: CLOSED });
    }
    await expect.poll(() => [names.filter(exists), folderExists(address)]).toEqual([[], false]);
    await starter.ask('shutdown');
  });

  test('together with its starter leaves a folder that the next server removes', async () => {
    await using starter = forkFixture(PEER);
    const { address } = await starter.ask<Started>('start');
    const names = await starter.ask<string[]>('make');
    const server = serverOf(starter);
    process.kill(server, 'SIGSTOP');
    const killed = starter.kill();
    await expect.poll(() => isAlive(starter.process.pid ?? 0)).toBe(false);
    process.kill(server, 'SIGKILL');
    await killed;
    await expect.poll(() => [names.filter(exists), isAlive(server)]).toEqual([[], false]);
    // Whether it is still there now cannot be asked: a server of a test beside this one may have been the next already.
    await using _next = await SharedMemoryManager.start();
    expect(folderExists(address)).toBe(false);
  });

  test('because it does not answer is killed after five seconds', async () => {
    await using starter = forkFixture(PEER);
    await starter.ask('start');
    const names = await starter.ask<string[]>('make');
    const server = serverOf(starter);
    process.kill(server, 'SIGSTOP');
    await expect(starter.ask('make')).rejects.toMatchObject({
      name: 'ManagerClosedError',
      message: expect.stringContaining('not answered in time'),
    });
    await expect.poll(() => [names.filter(exists), isAlive(server)]).toEqual([[], false]);
  });
});

describe('a server', () => {
  test.skipIf(!platform.hasSignals).each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ignores %s', async (signal) => {
    await using manager = await SharedMemoryManager.start();
    const server = serverOf({ process });
    expect(!platform.hasProc || ignores(server, signal)).toBe(true);
    process.kill(server, signal);
    expect(manager.list()).toEqual([]);
    expect(isAlive(server)).toBe(true);
  });
});
