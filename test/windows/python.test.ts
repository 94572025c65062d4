/** CPython and this library on Windows, where a segment lives as long as a process has it open, and has whole pages. */
import { randomBytes } from 'node:crypto';

import { SegmentExistsError, SegmentNotFoundError, ShareableList, SharedMemory } from 'shareable';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { listed, shareable, shareableJson } from '../support/cli.ts';
import { runPython } from '../support/python.ts';
import { freshName } from '../support/segments.ts';
import { fromPython, toPython } from '../support/tagged.ts';
import type { Tagged } from '../support/tagged.ts';
import { until } from '../support/until.ts';

const PAGE = 4096;
const pythons = inject('pythons');

test('there is a CPython to test with', () => {
  expect(pythons.length).toBeGreaterThan(0);
});

describe.each(pythons)('with Python $version', (python) => {
  let peer: Child;
  beforeAll(() => {
    peer = runPython(python, 'interop/peer.py', 60_000);
  });
  afterAll(async () => peer[Symbol.asyncDispose]());

  test.each([1, 100, PAGE - 1, PAGE, PAGE + 1, 10_000])(
    'a segment of %i bytes made here is read and written there, in whole pages',
    async (size) => {
      using shm = SharedMemory.create(size, { name: freshName() });
      shm.buf[size - 1] = 5;
      expect(await peer.ask('attach_segment', shm.name)).toBe(Math.ceil(size / PAGE) * PAGE);
      expect(await peer.ask('read', size - 1, size)).toEqual([5]);
      await peer.ask('write', 0, [7]);
      expect([shm.size, shm.buf[0]]).toEqual([size, 7]);
      await peer.ask('close_segment');
    },
  );

  test('a segment made there is read and written here, in whole pages', async () => {
    const name = freshName();
    await peer.ask('create_segment', name, 100);
    await peer.ask('write', 0, [1, 2, 3]);
    using shm = SharedMemory.attach(name);
    expect([shm.size, shm.isOwner]).toEqual([PAGE, false]);
    expect([...shm.buf.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    shm.buf[99] = 9;
    expect(await peer.ask('read', 99, 100)).toEqual([9]);
    await peer.ask('close_segment');
  });

  test('a read-only attachment to a segment made there sees its writes, and keeps its own from it', async () => {
    const name = freshName();
    await peer.ask('create_segment', name, 100);
    await peer.ask('write', 0, [1]);
    using shm = SharedMemory.attach(name, { readOnly: true });
    expect(shm.buf[0]).toBe(1);
    await peer.ask('write', 0, [2]);
    expect(shm.buf[0]).toBe(2);
    shm.buf[1] = 3;
    expect(await peer.ask('read', 0, 2)).toEqual([2, 0]);
    await peer.ask('close_segment');
  });

  test.each(['données-🦀', 'with space'])('a name with "%s" means the same in both', async (part) => {
    using shm = SharedMemory.create(8, { name: `${freshName()}-${part}` });
    shm.buf[0] = 5;
    await peer.ask('attach_segment', shm.name);
    expect(await peer.ask('read', 0, 1)).toEqual([5]);
    await peer.ask('close_segment');
  });

  test('a random name made here can be attached to there', async () => {
    using shm = SharedMemory.create(8);
    expect(await peer.ask('attach_segment', shm.name)).toBe(PAGE);
    await peer.ask('close_segment');
  });

  test('a segment with a random name made there is listed, is kept by gc, and cannot be removed', async () => {
    // Of the form that CPython makes up.
    const name = `wnsm_${randomBytes(4).toString('hex')}`;
    await peer.ask('create_segment', name, 100);
    const facts = { name, kind: 'raw', size: PAGE, isTracked: false, isInUse: true, owner: null, createdAt: null };
    expect(await listed(name)).toMatchObject(facts);
    const { untracked } = await shareableJson<{ untracked: string[] }>(['gc']);
    expect(untracked).toContain(name);
    const { code, stderr } = await shareable(['rm', name]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`segment '${name}' is in use: it was not removed`)]);
    expect(await shareableJson(['rm', '--force', name])).toMatchObject({
      removed: [],
      failed: [{ name, error: { code: 'ERR_SHM_UNSUPPORTED' } }],
    });
    await peer.ask('write', 0, [7]);
    expect((await shareable(['inspect', name])).stdout).toContain('00000000  07 00');
    await peer.ask('close_segment');
    expect(await listed(name)).toBeUndefined();
  });

  test('both refuse to create a name of the other', async () => {
    const [ours, theirs] = [freshName(), freshName()];
    using _shm = SharedMemory.create(8, { name: ours });
    await expect(peer.ask('create_segment', ours, 8)).rejects.toMatchObject({ name: 'FileExistsError' });
    await peer.ask('create_segment', theirs, 8);
    expect(() => SharedMemory.create(8, { name: theirs })).toFailWith(SegmentExistsError, 'EEXIST');
    await peer.ask('close_segment');
  });

  test('what is unlinked here stays there until it is closed, and cannot be attached to again', async () => {
    const shm = SharedMemory.create(64, { name: freshName() });
    shm.buf[0] = 6;
    await peer.ask('attach_segment', shm.name);
    shm[Symbol.dispose]();
    expect(await peer.ask('read', 0, 1)).toEqual([6]);
    expect(() => SharedMemory.attach(shm.name)).toFailWith(SegmentNotFoundError, 'ENOENT');
    await peer.ask('close_segment');
    await expect(peer.ask('attach_segment', shm.name)).rejects.toMatchObject({ name: 'FileNotFoundError' });
  });

  test('what is made there ends when the last process closes it', async () => {
    const name = freshName();
    await peer.ask('create_segment', name, 64);
    {
      using shm = SharedMemory.attach(name);
      await peer.ask('close_segment');
      expect(shm.buf[0]).toBe(0);
      using again = SharedMemory.attach(name);
      expect(again.size).toBe(PAGE);
    }
    expect(() => SharedMemory.attach(name)).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('what lives in a file is there again for CPython as soon as this library has it open', async () => {
    const name = freshName();
    {
      using shm = SharedMemory.create(100, { name, track: false });
      shm.buf[3] = 4;
    }
    await expect(peer.ask('attach_segment', name)).rejects.toMatchObject({ name: 'FileNotFoundError' });
    using shm = SharedMemory.attach(name);
    await peer.ask('attach_segment', name);
    expect(await peer.ask('read', 3, 4)).toEqual([4]);
    await peer.ask('close_segment');
    shm.unlink();
  });

  test('the end of CPython ends its segments, and leaves those of this library', async () => {
    const [ours, theirs] = [freshName(), freshName()];
    using shm = SharedMemory.create(8, { name: ours });
    {
      await using other = runPython(python, 'interop/peer.py', 60_000);
      await other.ask('create_segment', theirs, 8);
      await other.ask('kill_yourself').catch(() => {});
      await other.end();
    }
    await until(() => !canAttach(theirs));
    expect(canAttach(ours)).toBe(true);
    expect(shm.size).toBe(8);
  });

  const values = [0, -1, 2n ** 63n - 1n, 1.5, true, null, '', 'text', 'é', Uint8Array.of(1, 0, 255)];

  test('a list made here has the same values and formats there', async () => {
    using list = ShareableList.create(values, { name: freshName() });
    expect(await peer.ask('attach_list', list.name)).toBe(values.length);
    expect((await peer.ask<Tagged[]>('values')).map(fromPython)).toEqual(list.toArray());
    expect(await peer.ask('format')).toBe(list.format);
    await peer.ask('set', 7, toPython('new'));
    expect(list.get(7)).toBe('new');
    await peer.ask('close_list');
  });

  test('a list made there has the same values and formats here', async () => {
    const name = freshName();
    const format = await peer.ask('create_list', name, values.map(toPython));
    using list = ShareableList.attach(name);
    expect(list.toArray()).toEqual((await peer.ask<Tagged[]>('values')).map(fromPython));
    expect(list.format).toBe(format);
    list.set(0, 42);
    expect(await peer.ask('get', 0)).toEqual(toPython(42));
    await peer.ask('close_list');
  });
});

function canAttach(name: string): boolean {
  try {
    SharedMemory.attach(name).close();
    return true;
  } catch (error) {
    if (error instanceof SegmentNotFoundError) return false;
    throw error;
  }
}
