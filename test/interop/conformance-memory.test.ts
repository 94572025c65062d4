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
  test('has the name that it was given, at least the size, and prints both', () => {
    const name = freshName();
    using shm = SharedMemory.create(512, { name });
    expect(shm.name).toBe(name);
    expect(shm.size).toBeGreaterThanOrEqual(512);
    expect(shm.buf.length).toBe(shm.size);
    expect(String(shm)).toContain(name);
    expect(String(shm)).toContain(String(shm.size));
  });

  test('that is attached to by its name has the same bytes', () => {
    using shm = SharedMemory.create(512, { name: freshName() });
    shm.buf[0] = 42;
    expect(shm.buf[0]).toBe(42);
    using other = SharedMemory.attach(shm.name);
    expect(other.buf[0]).toBe(42);
  });

  test('has its own size, and refuses to be asked for another when it is attached to', () => {
    using shm = SharedMemory.create(512);
    using same = SharedMemory.attach(shm.name);
    expect(same.size).toBe(shm.size);
    const options = { size: 20 * 512 } as object;
    expect(() => SharedMemory.attach(shm.name, options)).toFailWith(TypeError, 'ERR_INVALID_ARG_VALUE', "'size'");
  });

  test('with a NUL in its name is refused, when it is created and when it is attached to', () => {
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

  test("without a name gets one that is nobody else's", () => {
    using stack = new DisposableStack();
    const names = Array.from({ length: 100 }, () => stack.use(SharedMemory.create(1)).name);
    expect(new Set(names).size).toBe(100);
    for (const name of names) expect(name).toMatch(/^psm_/);
  });

  test('can be unlinked once, by whoever does it', () => {
    const shm = SharedMemory.create(5000);
    const other = SharedMemory.attach(shm.name);
    other.unlink();
    other.close();
    shm.close();
    expect(() => shm.unlink()).toFailWith(SegmentNotFoundError, 'ENOENT');
    shm[Symbol.dispose]();
  });

  test('is not created where one has its name, and can be attached to in that case on request', () => {
    using shm = SharedMemory.create(512, { name: freshName() });
    expect(() => SharedMemory.create(512, { name: shm.name })).toFailWith(SegmentExistsError, 'EEXIST');
    using same = SharedMemory.createOrAttach(shm.name, 256);
    expect([same.size, same.isOwner]).toEqual([shm.size, false]);
  });

  test('that is not there cannot be attached to', () => {
    expect(() => SharedMemory.attach(freshName())).toFailWith(SegmentNotFoundError, 'ENOENT');
  });

  test('travels as data, and is the same segment on arrival', () => {
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

  test('that is gone when its handle arrives is not found', () => {
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
  test('that is terminated takes its segments along, with a warning that counts them', async () => {
    await using child = forkFixture('tracker/owner.ts');
    const [name = ''] = await child.ask<string[]>('own', 1);
    await child.kill('SIGTERM');
    expect(exists(name)).toBe(false);
    expect(warningsIn(child.stderr)).toMatchObject([{ count: 1, leaks: [{ name }] }]);
  });

  test('other than CPython: one that attached, which CPython tracks unless told not to, destroys nothing', async () => {
    using shm = SharedMemory.create(10);
    {
      await using child = forkFixture('cross-process/segment-peer.ts');
      await child.ask('attach', shm.name);
      await child.kill('SIGTERM');
      expect(child.stderr).toBe('');
    }
    SharedMemory.attach(shm.name).close();
  });

  test('with track: false leaves the segment, and says nothing', async () => {
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
