import { LockTimeoutError, RwLock, ShareableList } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

const held = expect.objectContaining({ code: 'ERR_SHM_LOCK_HELD' });

async function forkPeer(lock: RwLock): Promise<Child> {
  const child = forkFixture('primitives/peer.ts');
  await child.ask('attach', 'RwLock', lock.toJSON());
  return child;
}

/** Whether a reader would get the lock now. */
function canRead(lock: RwLock): boolean {
  const guard = lock.tryRead();
  guard?.release();
  return guard !== null;
}

/** For how many milliseconds readers wait for a writer that was woken and does not come. */
const GRACE = 100;

/** A writer and then a reader wait until a third process ends its reading: who is first, and how long after that. */
async function contest(write: string, read: string): Promise<{ first: string; after: number }> {
  using lock = RwLock.create();
  await using writer = await forkPeer(lock);
  await using reader = await forkPeer(lock);
  const reading = lock.read();
  const written = writer.ask(write).then(() => 'writer');
  await expect.poll(() => canRead(lock)).toBe(false);
  const wasRead = reader.ask(read).then(() => 'reader');
  const start = performance.now();
  reading.release();
  const first = await Promise.race([written, wasRead]);
  const after = performance.now() - start;
  const [winner, loser, other] = first === 'writer' ? [writer, reader, wasRead] : [reader, writer, written];
  await winner.ask('release');
  await other;
  await loser.ask('release');
  return { first, after };
}

describe('a readers-writer lock', () => {
  test('lets readers in together, and a writer alone', async () => {
    using lock = RwLock.create();
    await using child = await forkPeer(lock);
    const reader = lock.read();
    expect(await child.ask('tryRead')).toBe(false);
    expect(await child.ask('tryWrite')).toBeNull();
    expect(lock.tryWrite()).toBeNull();
    reader.release();
    await child.ask('release');
    const writer = lock.write();
    expect(await child.ask('tryRead')).toBeNull();
    expect(await child.ask('tryWrite')).toBeNull();
    expect(lock.tryRead()).toBeNull();
    writer.release();
    expect(await child.ask('tryWrite')).toBe(false);
    await child.ask('release');
  });

  test('keeps readers from seeing half a change', async () => {
    using lock = RwLock.create();
    using list = ShareableList.create([0, 0]);
    const children = await Promise.all([1, 2, 3].map(() => forkPeer(lock)));
    await Promise.all(children.map((child) => child.ask('attach', 'ShareableList', list.toJSON())));
    const torn = await Promise.all(children.map((child) => child.ask('readAndWrite', 1000)));
    expect(torn).toEqual([0, 0, 0]);
    expect(list.toArray()).toEqual([750, 750]);
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  });

  test.each([
    ['write', 'read'],
    ['writeAsync', 'readAsync'],
  ])('prefers writers to readers that come later: %s, %s', async (write, read) => {
    let order = await contest(write, read);
    // A writer without a processor for so long counts as stopped: that round says nothing about who is preferred.
    while (order.first === 'reader' && order.after >= GRACE) order = await contest(write, read);
    expect(order.first).toBe('writer');
  });

  test.skipIf(!platform.hasSignals)('does not keep readers waiting for a writer that is stopped', async () => {
    using lock = RwLock.create();
    await using writer = await forkPeer(lock);
    await using reader = await forkPeer(lock);
    const first = lock.read();
    const written = writer.ask('writeAsync');
    await expect.poll(() => canRead(lock)).toBe(false);
    writer.process.kill('SIGSTOP');
    expect(await reader.ask('tryRead')).toBeNull();
    const start = performance.now();
    first.release();
    expect(await reader.ask('readAsync')).toBe(false);
    expect(performance.now() - start).toBeGreaterThanOrEqual(GRACE);
    writer.process.kill('SIGCONT');
    await reader.ask('release');
    expect(await written).toBe(false);
    await writer.ask('release');
  });

  test('refuses a wait for what this thread holds by another instance', () => {
    using lock = RwLock.create();
    using again = RwLock.attach(lock.toJSON());
    {
      using _writing = lock.write();
      expect(() => again.read()).toThrow(held);
      expect(() => again.write()).toThrow(held);
      expect(() => lock.write({ timeout: 10 })).toThrow(held);
      expect(() => again.write({ timeout: 10 })).toThrow(LockTimeoutError);
      expect(again.tryRead()).toBeNull();
    }
    {
      using _reading = lock.read();
      expect(() => again.write()).toThrow(held);
      // Several read at once, also in one thread.
      using _too = again.read();
      expect(again.tryWrite()).toBeNull();
    }
    using _free = again.write();
  });

  test.skipIf(!platform.freesNamesAtOnce)('does not take a lock for an unlinked one of the same name', async () => {
    const name = freshName();
    using first = RwLock.create({ name });
    using _old = first.write();
    first.unlink();
    using second = RwLock.create({ name });
    using third = RwLock.attach(name);
    await using child = await forkPeer(second);
    await child.ask('write');
    expect(() => third.read({ timeout: 10 })).toThrow(LockTimeoutError);
    await child.ask('release');
    using _read = third.read();
  });

  test('refuses a blocking read where this thread has all read locks', () => {
    using lock = RwLock.create({ readers: 2 });
    using again = RwLock.attach(lock.toJSON());
    using _first = lock.read();
    const second = again.read();
    expect(() => lock.read()).toThrow(held);
    expect(() => again.read()).toThrow(held);
    second.release();
    using _third = lock.read();
  });

  test('can limit how many read at once', async () => {
    using lock = RwLock.create({ readers: 2 });
    await using child = await forkPeer(lock);
    const first = lock.read();
    using _second = lock.read();
    expect(await child.ask('tryRead')).toBeNull();
    first.release();
    expect(await child.ask('tryRead')).toBe(false);
    expect(() => RwLock.create({ readers: 0 })).toThrow(RangeError);
    expect(() => RwLock.create({ reader: 2 } as never)).toThrow(TypeError);
  });

  test('ends a wait by its time-out and its signal', async () => {
    using lock = RwLock.create();
    await using child = await forkPeer(lock);
    await child.ask('write');
    expect(() => lock.read({ timeout: 10 })).toThrow(LockTimeoutError);
    expect(() => lock.write({ timeout: 10 })).toThrow(LockTimeoutError);
    await expect(lock.readAsync({ timeout: 10 })).rejects.toThrow(LockTimeoutError);
    await expect(lock.writeAsync({ timeout: 0 })).rejects.toThrow(LockTimeoutError);
    const controller = new AbortController();
    const pending = lock.writeAsync({ signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await child.ask('release');
    // The writer that gave up keeps no reader out.
    lock.read({ timeout: 5000 }).release();
  });

  test('refuses waits that could never end, and to be closed while it is held', () => {
    const lock = RwLock.create();
    const reader = lock.read();
    expect(() => lock.write()).toThrow(held);
    expect(() => lock.close()).toThrow(held);
    reader.release();
    const writer = lock.write();
    expect(() => lock.read()).toThrow(held);
    expect(() => lock.write()).toThrow(held);
    expect(String(lock)).toBe(`RwLock('${lock.name}', written)`);
    writer.release();
    lock[Symbol.dispose]();
    expect(() => lock.read()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
  });

  test('is created or attached by name', () => {
    using first = RwLock.createOrAttach(freshName());
    using second = RwLock.createOrAttach(first.name, { readers: 1 });
    using _guard = first.write();
    expect(second.tryRead()).toBeNull();
    expect(second.toJSON()).toEqual({ type: 'RwLock', name: first.name });
  });
});

describe('a process that is killed', () => {
  test('as a reader is forgotten', async () => {
    using lock = RwLock.create();
    await using child = await forkPeer(lock);
    await child.ask('read');
    await child.ask('read');
    await child.kill();
    using guard = lock.write({ timeout: 5000 });
    expect(guard.recovered).toBe(false);
  });

  test('as a writer is told to the readers and the next writer that follow, and then no more', async () => {
    using lock = RwLock.create();
    await using child = await forkPeer(lock);
    await child.ask('write');
    const waiting = lock.readAsync();
    await child.kill();
    const first = await waiting;
    const second = lock.read();
    expect([first.recovered, second.recovered]).toEqual([true, true]);
    first.release();
    second.release();
    const writer = lock.write();
    expect(writer.recovered).toBe(true);
    writer.release();
    using guard = lock.read();
    expect(guard.recovered).toBe(false);
  });

  test('while it waits to write keeps no reader out', async () => {
    using lock = RwLock.create();
    await using child = await forkPeer(lock);
    using _reader = lock.read();
    const never = child.ask('write').catch(() => 'died');
    await expect.poll(() => canRead(lock)).toBe(false);
    await child.kill();
    expect(await never).toBe('died');
    lock.read({ timeout: 5000 }).release();
  });
});
