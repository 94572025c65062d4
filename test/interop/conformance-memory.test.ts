/**
 * What CPython's own tests expect of SharedMemory, and of what becomes of segments when processes end. Where this
 * library answers in another way, the test says so, beginning with "other than CPython:".
 */
import { SegmentExistsError, SegmentNotFoundError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { warningsIn } from '../support/warning.ts';

describe('a segment', () => {
  test('has the given name, at least the given size, and prints both', () => {
    const name = freshName();
    using shm = SharedMemory.create(512, { name });
    expect(shm.name).toBe(name);
    expect(shm.size).toBeGreaterThanOrEqual(512);
    expect(shm.buf.length).toBe(shm.size);
    expect(String(shm)).toContain(name);
    expect(String(shm)).toContain(String(shm.size));
  });

  test('has the same bytes when attached to by name', () => {
    using shm = SharedMemory.create(512, { name: freshName() });
    shm.buf[0] = 42;
    expect(shm.buf[0]).toBe(42);
    using other = SharedMemory.attach(shm.name);
    expect(other.buf[0]).toBe(42);
  });

  test('has its own size, and attach refuses a size option', () => {
    using shm = SharedMemory.create(512);
    using same = SharedMemory.attach(shm.name);
    expect(same.size).toBe(shm.size);
    const options = { size: 20 * 512 } as object;
    expect(() => SharedMemory.attach(shm.name, options)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', "'size'");
  });

  test('with a NUL in its name is refused by create and attach', () => {
    const name = freshName();
    using _shm = SharedMemory.create(512, { name });
    expect(() => SharedMemory.attach(`${name}\0a`)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(() => SharedMemory.create(512, { name: `${name}\0a` })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  test.each([-2, -1, 0])('of %d bytes is refused', (size) => {
    expect(() => SharedMemory.create(size)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE');
  });

  test('without a size is refused, as is attaching without a name', () => {
    expect(() => SharedMemory.create(undefined as unknown as number)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
    expect(() => SharedMemory.attach(undefined as unknown as string)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE');
  });

  test('without a name gets a unique one', () => {
    using stack = new DisposableStack();
    const names = Array.from({ length: 100 }, () => stack.use(SharedMemory.create(1)).name);
    expect(new Set(names).size).toBe(100);
    for (const name of names) expect(name).toMatch(/^psm_/);
  });

  test('can be unlinked once, by any process', () => {
    const shm = SharedMemory.create(5000);
    const other = SharedMemory.attach(shm.name);
    other.unlink();
    other.close();
    shm.close();
    expect(() => shm.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT');
    shm[Symbol.dispose]();
  });

  test('is not created when its name exists, and can be attached to then on request', () => {
    using shm = SharedMemory.create(512, { name: freshName() });
    expect(() => SharedMemory.create(512, { name: shm.name })).toFailWith(SegmentExistsError, 'EEXIST');
    using same = SharedMemory.createOrAttach(shm.name, 256);
    expect([same.size, same.isOwner]).toEqual([shm.size, false]);
  });

  test('that does not exist cannot be attached to', () => {
    expect(() => SharedMemory.attach(freshName())).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('is the same segment after its handle was sent', () => {
    using shm = SharedMemory.create(512);
    shm.buf.set(Buffer.from('travel'));
    using arrived = SharedMemory.attach(JSON.parse(JSON.stringify(shm)));
    expect(arrived).toBeInstanceOf(SharedMemory);
    expect(arrived.name).toBe(shm.name);
    expect(Buffer.from(arrived.buf.subarray(0, 6)).toString()).toBe('travel');
    shm.buf.set(Buffer.from('newval'));
    expect(Buffer.from(arrived.buf.subarray(0, 6)).toString()).toBe('newval');
    arrived.buf.set(Buffer.from('oldval'));
    expect(Buffer.from(shm.buf.subarray(0, 6)).toString()).toBe('oldval');
  });

  test('is not found when it is removed before its handle arrives', () => {
    const shm = SharedMemory.create(512);
    const handle = JSON.stringify(shm);
    shm[Symbol.dispose]();
    expect(() => SharedMemory.attach(JSON.parse(handle))).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('is written to by another process, by its name and by its handle', async () => {
    using shm = SharedMemory.create(512);
    for (const [target, text] of [
      [shm.name, 'howdy'],
      [shm.toJSON(), 'HELLO'],
    ] as const) {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('attach', target);
      await child.ask('write', 0, Buffer.from(text));
      await child.ask('dispose');
      expect(Buffer.from(shm.buf.subarray(0, 5)).toString()).toBe(text);
    }
  });
});

describe('the end of a process', () => {
  test('by termination removes its segments, with a warning that counts them', async () => {
    await using child = forkFixture('tracker/owner.ts');
    const [name = ''] = await child.ask<string[]>('own', 1);
    await child.kill('SIGTERM');
    expect(exists(name)).toBe(false);
    expect(warningsIn(child.stderr)).toMatchObject([{ count: 1, leaks: [{ name }] }]);
  });

  test('other than CPython: a process that only attached destroys nothing', async () => {
    using shm = SharedMemory.create(10);
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('attach', shm.name);
      await child.kill('SIGTERM');
      expect(child.stderr).toBe('');
    }
    SharedMemory.attach(shm.name).close();
  });

  test('with track: false leaves the segment without a warning', async () => {
    const name = freshName();
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('create', 10, { name, track: false });
      await child.kill('SIGTERM');
      expect(child.stderr).toBe('');
    }
    using shm = SharedMemory.attach(name);
    shm.unlink();
  });
});
