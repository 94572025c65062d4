import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';

describe('a process that attached', () => {
  test.each<[string, (child: ReturnType<typeof forkFixture>) => Promise<unknown>]>([
    ['disposes and ends', async (child) => child.ask('dispose')],
    ['closes and ends', async (child) => child.ask('close')],
    ['just ends', async () => {}],
    [
      'calls process.exit()',
      async (child) => {
        await expect(child.ask('exit', 3)).rejects.toThrow('ended with code 3');
        expect(await child.end()).toEqual({ code: 3, signal: null });
      },
    ],
    [
      'throws',
      async (child) => {
        await child.ask('throw');
        expect((await child.end()).code).toBe(1);
        expect(child.stderr).toContain('thrown on purpose');
      },
    ],
    ['is killed', async (child) => child.kill('SIGKILL')],
    ['is terminated', async (child) => child.kill('SIGTERM')],
  ])('leaves the segment when it %s', async (_, leave) => {
    using shm = SharedMemory.create(64);
    shm.buf[0] = 1;
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('attach', shm.toJSON());
      await child.ask('write', 1, Uint8Array.of(2));
      await leave(child);
    }
    expect(exists(shm.name)).toBe(true);
    using again = SharedMemory.attach(shm.name);
    expect([...again.buf.subarray(0, 2)]).toEqual([1, 2]);
  });

  test('leaves a list too', async () => {
    using list = ShareableList.create(['kept']);
    {
      await using child = forkFixture('cross-process/list-peer.ts');
      await child.ask('attach', list.toJSON());
    }
    using again = ShareableList.attach(list.name);
    expect(again.get(0)).toBe('kept');
  });

  test('leaves the segment even when its attach fails half way', async () => {
    using shm = SharedMemory.create(64);
    shm.buf.fill(0xff);
    {
      await using child = forkFixture('cross-process/list-peer.ts');
      await expect(child.ask('attach', shm.name)).rejects.toMatchObject({ name: 'LayoutError' });
    }
    expect(exists(shm.name)).toBe(true);
  });
});

describe('the owner', () => {
  test('that disposes and ends leaves nothing, and says nothing', async () => {
    const name = freshName();
    await using child = forkFixture('cross-process/segment-peer.ts');
    await child.ask('create', 64, { name });
    expect(exists(name)).toBe(true);
    await child.ask('dispose');
    expect(exists(name)).toBe(false);
    await child[Symbol.asyncDispose]();
    expect(child.stderr).toBe('');
  });

  test('that disposes removes the name, while other processes keep the memory', async () => {
    const shm = SharedMemory.create(64);
    shm.buf[0] = 7;
    await using child = forkFixture('cross-process/segment-peer.ts');
    await child.ask('attach', shm.toJSON());
    shm[Symbol.dispose]();
    expect(await child.ask('read', 0, 1)).toEqual(Uint8Array.of(7));
    await expect(child.ask('attach', shm.name)).rejects.toMatchObject({ name: 'SegmentNotFoundError', code: 'ENOENT' });
  });

  test('disposes without an error after another process has unlinked', async () => {
    const shm = SharedMemory.create(64);
    await using child = forkFixture('cross-process/segment-peer.ts');
    await child.ask('attach', shm.toJSON());
    await child.ask('unlink');
    expect(exists(shm.name)).toBe(false);
    expect(() => shm.unlink()).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    shm[Symbol.dispose]();
    await expect(child.ask('unlink')).rejects.toMatchObject({ name: 'SegmentNotFoundError', code: 'ENOENT' });
  });

  test.skipIf(!platform.freesNamesAtOnce || !platform.tellsSegmentsApart)(
    'never removes a segment that another process has made under the same name',
    async () => {
      const name = freshName();
      const shm = SharedMemory.create(64, { name });
      shm.unlink();
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('create', 32, { name });
      shm[Symbol.dispose]();
      expect(exists(name)).toBe(true);
      await child.ask('dispose');
      expect(exists(name)).toBe(false);
    },
  );
});

describe('a segment with track: false', () => {
  test.each(['ends', 'is killed'])('stays when its creator %s', async (how) => {
    const name = freshName();
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('create', 64, { name, track: false });
      await child.ask('write', 0, Uint8Array.of(42));
      if (how === 'is killed') await child.kill();
    }
    using shm = SharedMemory.attach(name);
    expect(shm.buf[0]).toBe(42);
    shm.unlink();
  });
});
