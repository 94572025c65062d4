/** Neither side destroys what belongs to the other. */
import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { pythons, pythonsWithLists, startPeer } from './support/pythons.ts';

describe.each(pythons)('with Python $version', (python) => {
  test('a segment of its own survives our attach, close and exit', async () => {
    const name = freshName();
    await using peer = startPeer(python);
    await peer.ask('create_segment', name, 64);
    await peer.ask('write', 0, [42]);
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('attach', name);
      expect(await child.ask('read', 0, 1)).toEqual(Uint8Array.of(42));
    }
    {
      using _shm = SharedMemory.attach(name);
    }
    expect(exists(name)).toBe(true);
    expect(await peer.ask('read', 0, 1)).toEqual([42]);
    await peer.ask('unlink_segment');
    expect(exists(name)).toBe(false);
  });

  test('a segment of ours survives its attach, close and exit', async () => {
    using shm = SharedMemory.create(64, { name: freshName() });
    {
      await using peer = startPeer(python);
      await peer.ask('attach_segment', shm.name);
      await peer.ask('write', 0, [7]);
      await peer.ask('close_segment');
    }
    expect(exists(shm.name)).toBe(true);
    expect(shm.buf[0]).toBe(7);
  });

  test('a segment of ours survives it being killed', async () => {
    using shm = SharedMemory.create(64, { name: freshName() });
    {
      await using peer = startPeer(python);
      await peer.ask('attach_segment', shm.name);
      await peer.kill();
    }
    expect(exists(shm.name)).toBe(true);
  });

  test('a segment that it leaves behind on purpose is ours to use and unlink', async () => {
    const name = freshName();
    {
      await using peer = startPeer(python);
      await peer.ask('create_segment', name, 64, true);
      await peer.ask('write', 0, [1, 2]);
    }
    using shm = SharedMemory.attach(name);
    expect([...shm.buf.subarray(0, 2)]).toEqual([1, 2]);
    shm.unlink();
  });

  test("an owner whose segment CPython's resource tracker has destroyed keeps the memory and disposes without an error", async () => {
    const shm = SharedMemory.create(64, { name: freshName() });
    {
      await using peer = startPeer(python);
      await peer.ask('attach_segment', shm.name, true);
    }
    // The tracker is a process of its own, which holds on to the script's output until it has done its work.
    expect(exists(shm.name)).toBe(false);
    shm.buf[0] = 1;
    expect(shm.buf[0]).toBe(1);
    shm[Symbol.dispose]();
    expect(shm.closed).toBe(true);
  });
});

describe.each(pythonsWithLists)('with a list and Python $version', (python) => {
  test('a list of ours survives its attach and exit', async () => {
    using list = ShareableList.create([1, 'two'], { name: freshName() });
    {
      await using peer = startPeer(python);
      await peer.ask('attach_list', list.name);
      await peer.ask('set', 0, ['int', '5']);
    }
    using again = ShareableList.attach(list.name);
    expect(again.toArray()).toEqual([5, 'two']);
  });

  test('a list of its own survives our attach and exit', async () => {
    const name = freshName();
    await using peer = startPeer(python);
    await peer.ask('create_list', name, [['int', '1']]);
    {
      await using child = forkFixture('cross-process/list-peer.ts');
      await child.ask('attach', name);
      await child.ask('set', 0, 2);
    }
    expect(await peer.ask('values')).toEqual([['int', '2']]);
    await peer.ask('unlink_list');
  });
});
