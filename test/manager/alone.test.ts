/** A manager of this process alone. */
import { ManagerClosedError, ShareableList, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists } from '../support/segments.ts';
import { warningsIn } from '../support/warning.ts';

const CLOSED = 'ERR_SHM_MANAGER_CLOSED';

function makeThree(manager: SharedMemoryManager): string[] {
  return [manager.sharedMemory(10).name, manager.shareableList([1, 'two']).name, manager.lock().name];
}

describe('a manager without a server', () => {
  test('unlinks everything that was created through it at the end of its scope', () => {
    let names: string[];
    {
      using manager = new SharedMemoryManager();
      names = makeThree(manager);
      expect(names.every(exists)).toBe(true);
      expect(manager.list().toSorted()).toEqual(names.toSorted());
    }
    expect(names.filter(exists)).toEqual([]);
  });

  test('unlinks everything at the end of an await using scope, and by shutdown, which may be called twice', async () => {
    let names: string[];
    {
      await using manager = new SharedMemoryManager();
      names = makeThree(manager);
      await manager.shutdown();
      await manager.shutdown();
      expect(names.filter(exists)).toEqual([]);
    }
    expect(names.filter(exists)).toEqual([]);
  });

  test('has neither address nor key', () => {
    using manager = new SharedMemoryManager();
    expect([manager.address, manager.authkey]).toEqual([null, null]);
  });

  test('keeps its segments: disposing of one only closes it', () => {
    using manager = new SharedMemoryManager();
    const shm = manager.sharedMemory(10);
    const list = manager.shareableList([1]);
    const lock = manager.lock();
    expect([shm.isOwner, list.shm.isOwner]).toEqual([false, false]);
    for (const block of [shm, list, lock]) {
      block[Symbol.dispose]();
      expect(exists(block.name)).toBe(true);
    }
    expect(shm.closed).toBe(true);
    using again = SharedMemory.attach(shm.name);
    using listAgain = ShareableList.attach(list.name);
    expect([again.size, listAgain.toArray()]).toEqual([10, [1]]);
  });

  test('forgets what is unlinked by hand, through any instance', () => {
    using manager = new SharedMemoryManager();
    const [one, other, third] = [manager.sharedMemory(10), manager.sharedMemory(10), manager.sharedMemory(10)];
    one.unlink();
    using attached = SharedMemory.attach(other.name);
    attached.unlink();
    expect(manager.list()).toEqual([third.name]);
  });

  test.skipIf(!platform.freesNamesAtOnce)(
    'does not remove a segment that has taken the name of one unlinked by hand',
    () => {
      const manager = new SharedMemoryManager();
      const block = manager.sharedMemory(10);
      block.unlink();
      using namesake = SharedMemory.create(20, { name: block.name });
      manager[Symbol.dispose]();
      expect(exists(namesake.name)).toBe(true);
    },
  );

  test('throws after its end', async () => {
    const manager = new SharedMemoryManager();
    const block = manager.sharedMemory(10);
    await manager.shutdown();
    expect(() => manager.sharedMemory(10)).toFailWith(ManagerClosedError, CLOSED, 'shut down');
    expect(() => manager.shareableList([1])).toFailWith(ManagerClosedError, CLOSED);
    expect(() => manager.lock()).toFailWith(ManagerClosedError, CLOSED);
    expect(() => manager.list()).toFailWith(ManagerClosedError, CLOSED);
    expect(block.buf).toHaveLength(10);
    block.close();
  });

  test('checks sizes and values as the classes do', () => {
    using manager = new SharedMemoryManager();
    expect(() => manager.sharedMemory(1.5)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
    expect(() => manager.shareableList([{} as never])).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    expect(manager.list()).toEqual([]);
  });

  test('takes no argument', () => {
    const Manager = SharedMemoryManager as new (argument: object) => SharedMemoryManager;
    expect(() => new Manager({ native: {} })).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE');
  });

  test('whose process is killed leaves its segments to the tracker, closed ones too', async () => {
    await using owner = forkFixture('manager/peer.ts');
    await owner.ask('alone');
    const names = await owner.ask<string[]>('make');
    expect(names.every(exists)).toBe(true);
    await owner.kill();
    await expect.poll(() => names.filter(exists)).toEqual([]);
    // The lines of the program, and not those of the manager's methods.
    const places = warningsIn(owner.stderr).flatMap(({ leaks }) => leaks.map(({ place }) => place));
    expect(places).toEqual(names.map(() => expect.stringMatching(/^peer\.ts:\d+:\d+$/)));
  });
});
