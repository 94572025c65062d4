/** `SharedMemory.once`: one maker at a time, complete or not there, and nothing left of makers that die. */
import { once } from 'node:events';
import { chownSync, rmSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { LockTimeoutError, SegmentAccessError, SegmentExistsError, SharedMemory, SharedMemoryError } from 'shareable';
import { describe, expect, onTestFinished, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { expectNothingLeft, gateOf, leftOf } from '../support/once.ts';
import { platform } from '../support/platform.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

interface Got {
  name: string;
  isComplete: boolean;
  isOwner: boolean;
  makes: number;
}

const SIZE = 1 << 20;
/** Rounds of random kills, three in each. */
const ROUNDS = Number(process.env['SHAREABLE_ONCE_ROUNDS'] ?? 4);
const fill = (create: (size: number) => SharedMemory) => void create(SIZE).buf.fill(7);
const peers = (count: number) => Array.from({ length: count }, () => forkFixture('memory/once.ts'));

async function endAll(children: Child[]): Promise<void> {
  for (const child of children) await child[Symbol.asyncDispose]();
}

describe('once', () => {
  test('makes a segment that is not there, owns it, and runs no other make while it is', async () => {
    const name = freshName();
    using first = await SharedMemory.once(name, fill);
    expect([first.name, first.size, first.isOwner, first.buf[SIZE - 1]]).toEqual([name, SIZE, true, 7]);
    using second = await SharedMemory.once(name, () => expect.unreachable('it is there'));
    expect([second.isOwner, second.buf[0]]).toEqual([false, 7]);
    first[Symbol.dispose]();
    // Where a name is taken as long as the segment is open anywhere.
    if (!platform.freesNamesAtOnce) second.close();
    expect(exists(name)).toBe(false);
    using third = await SharedMemory.once(name, fill);
    expect(third.isOwner).toBe(true);
  });

  test('waits while a process still has the gate open that the last maker has unlinked', async () => {
    const name = freshName();
    const gate = SharedMemory.create(1, { name: gateOf(name) });
    using looker = SharedMemory.attach(gate.name);
    gate[Symbol.dispose]();
    const making = SharedMemory.once(name, fill);
    looker.close();
    using shm = await making;
    expect([shm.isOwner, shm.buf[0], exists(gate.name)]).toEqual([true, 7, false]);
  });

  test('runs one make among calls of one process', async () => {
    const name = freshName();
    let makes = 0;
    const call = () =>
      SharedMemory.once(name, async (create) => {
        makes += 1;
        await new Promise((resolve) => setImmediate(resolve));
        fill(create);
      });
    const all = await Promise.all([call(), call(), call()]);
    expect([makes, all.filter(({ isOwner }) => isOwner).length]).toEqual([1, 1]);
    for (const shm of all) shm[Symbol.dispose]();
  });

  test('runs one make among many processes, and all get the whole contents', async () => {
    const name = freshName();
    const children = peers(6);
    try {
      const got = await Promise.all(children.map((child) => child.ask<Got>('get', name, SIZE)));
      expect(got.every(({ isComplete }) => isComplete)).toBe(true);
      expect(got.reduce((sum, { makes }) => sum + makes, 0)).toBe(1);
      expect(got.filter(({ isOwner }) => isOwner)).toHaveLength(1);
    } finally {
      await Promise.all(children.map((child) => child.ask('dispose')));
      await endAll(children);
    }
    expect(exists(name)).toBe(false);
  });

  test('refuses to wait for a make that it is called in, through any number of others', async () => {
    const [outer, inner] = [freshName(), freshName()];
    const nested = SharedMemory.once(outer, async (create) => {
      using _ = await SharedMemory.once(inner, async (createInner) => {
        createInner(8);
        await expect(SharedMemory.once(outer, fill)).rejects.toMatchObject({ code: 'ERR_SHM_ONCE', segment: outer });
      });
      create(8);
    });
    using shm = await nested;
    expect(shm.size).toBe(8);
    expect(leftOf(inner)).toEqual([]);
  });

  test('lets what a make has started ask for the same segment once the make has ended', async () => {
    const name = freshName();
    let later: Promise<SharedMemory> | undefined;
    using made = await SharedMemory.once(name, (create) => {
      create(8);
      later = new Promise((resolve) => setImmediate(resolve)).then(() => SharedMemory.once(name, fill));
    });
    made[Symbol.dispose]();
    using again = await later;
    expect(again?.size).toBe(SIZE);
  });

  test.runIf(platform.hasShmFolder && platform.tellsUsers && process.geteuid?.() === 0)(
    'does not wait for another user who has taken the name by which makers take turns',
    async () => {
      const name = freshName();
      let gate = '';
      using made = await SharedMemory.once(name, (create) => {
        gate = leftOf(name).find((one) => one !== name) ?? '';
        create(8);
      });
      made[Symbol.dispose]();
      writeFileSync(pathOf(gate), 'mine');
      onTestFinished(() => rmSync(pathOf(gate), { force: true }));
      chownSync(pathOf(gate), 65534, 65534);
      await expect(SharedMemory.once(name, fill)).rejects.toBeInstanceOf(SegmentAccessError);
    },
  );

  test('leaves the segment to everybody with track: false', async () => {
    const name = freshName();
    {
      using shm = await SharedMemory.once(name, fill, { track: false });
      expect(shm.isOwner).toBe(false);
    }
    using shm = SharedMemory.attach(name);
    expect(shm.buf[0]).toBe(7);
    shm.unlink();
  });

  test('gives the error of make to its caller alone, and the next waiter makes it', async () => {
    const name = freshName();
    const [failing, other] = peers(2) as [Child, Child];
    try {
      await expect(failing.ask('fail', name)).rejects.toMatchObject({ name: 'RangeError', message: 'made to fail' });
      expect(leftOf(name)).toEqual([]);
      expect(await other.ask<Got>('get', name, SIZE)).toMatchObject({ isComplete: true, makes: 1 });
      await other.ask('dispose');
    } finally {
      await endAll([failing, other]);
    }
    await expectNothingLeft([name]);
  });

  test('has the next waiter take over when the maker is killed in the middle, and nothing is left', async () => {
    const name = freshName();
    const [maker, ...waiters] = peers(4) as [Child, ...Child[]];
    await maker.ask('startForever', name);
    expect(exists(name)).toBe(false);
    const waiting = waiters.map((child) => child.ask<Got>('get', name, SIZE));
    await maker.kill('SIGKILL');
    try {
      const got = await Promise.all(waiting);
      expect(got.every(({ isComplete }) => isComplete)).toBe(true);
      expect(got.reduce((sum, { makes }) => sum + makes, 0)).toBe(1);
      await Promise.all(waiters.map((child) => child.ask('dispose')));
    } finally {
      await endAll(waiters);
    }
    await expectNothingLeft([name]);
  });

  test('has the next waiter take over when the thread of the maker is terminated', async () => {
    const name = freshName();
    const maker = new Worker(new URL('fixtures/once-worker.ts', import.meta.url), { workerData: name });
    await once(maker, 'message');
    const waiting = SharedMemory.once(name, fill);
    await maker.terminate();
    using shm = await waiting;
    expect([shm.isOwner, shm.size]).toEqual([true, SIZE]);
  });

  test('waits for a maker that lives no longer than timeout and signal allow', async () => {
    const name = freshName();
    await using maker = forkFixture('memory/once.ts');
    await maker.ask('startForever', name);
    const start = performance.now();
    await expect(SharedMemory.once(name, fill, { timeout: 100 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - start).toBeGreaterThan(95);
    await expect(SharedMemory.once(name, fill, { timeout: 0 })).rejects.toThrow(SharedMemoryError);
    const reason = new Error('enough');
    const aborted = { code: 'ABORT_ERR', cause: reason };
    await expect(SharedMemory.once(name, fill, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject(aborted);
    const controller = new AbortController();
    const waiting = SharedMemory.once(name, fill, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toMatchObject(aborted);
    await maker.kill('SIGKILL');
    using shm = await SharedMemory.once(name, fill);
    expect(shm.isOwner).toBe(true);
  });

  test('refuses a make that does not create exactly one segment, and leaves nothing', async () => {
    const name = freshName();
    const refused = { code: 'ERR_SHM_ONCE', segment: name };
    await expect(SharedMemory.once(name, () => {})).rejects.toMatchObject(refused);
    const twice = SharedMemory.once(name, (create) => void [create(8), create(8)]);
    await expect(twice).rejects.toMatchObject(refused);
    let late: ((size: number) => SharedMemory) | undefined;
    const escaped = SharedMemory.once(name, (create) => {
      late = create;
    });
    await expect(escaped).rejects.toMatchObject(refused);
    expect(() => late?.(8)).toThrow('after make() had ended');
    const closed = SharedMemory.once(name, (create) => create(8).close());
    await expect(closed).rejects.toMatchObject({ code: 'ERR_SHM_CLOSED' });
    expect(exists(name)).toBe(false);
  });

  test.each([
    ['text', '8', 'ERR_INVALID_ARG_TYPE'],
    ['a negative number', -1, 'ERR_OUT_OF_RANGE'],
    ['zero', 0, 'ERR_OUT_OF_RANGE'],
  ])('refuses a make that creates a segment of %s bytes, and leaves nothing', async (_, size, code) => {
    const name = freshName();
    await expect(SharedMemory.once(name, (create) => void create(size as number))).rejects.toMatchObject({ code });
    expect(leftOf(name)).toEqual([]);
  });

  test('closes what a make that throws has created', async () => {
    let shm: SharedMemory | undefined;
    const failing = SharedMemory.once(freshName(), (create) => {
      shm = create(8);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(shm?.closed).toBe(true);
  });

  test('attaches to a segment of that name that appears while make runs', async () => {
    const name = freshName();
    using other = SharedMemory.create(16, { name: `${name}x` });
    const made: SharedMemory[] = [];
    using shm = await SharedMemory.once(name, (create) => {
      create(8);
      made.push(SharedMemory.create(32, { name }));
    });
    expect([shm.size, shm.isOwner, other.closed]).toEqual([32, false, false]);
    for (const each of made) each[Symbol.dispose]();
  });

  test.each([
    ['a name that is not text', [7, fill], 'ERR_INVALID_ARG_TYPE'],
    ['no make', ['x'], 'ERR_INVALID_ARG_TYPE'],
    ['an empty name', ['', fill], 'ERR_INVALID_ARG_VALUE'],
    ['a negative timeout', ['x', fill, { timeout: -1 }], 'ERR_OUT_OF_RANGE'],
    ['an invalid signal', ['x', fill, { signal: {} }], 'ERR_INVALID_ARG_TYPE'],
    ['a mode out of range', ['x', fill, { mode: 0o1777 }], 'ERR_OUT_OF_RANGE'],
  ])('refuses %s', async (_, args, code) => {
    await expect((SharedMemory.once as (...args: unknown[]) => Promise<unknown>)(...args)).rejects.toMatchObject({
      code,
    });
  });

  test('passes on the error of a size that has no room', async () => {
    const name = freshName();
    await expect(SharedMemory.once(name, (create) => void create(2 ** 50))).rejects.toMatchObject({
      name: 'OutOfSharedMemoryError',
    });
    expect(exists(name)).toBe(false);
    expect([LockTimeoutError, SegmentExistsError].every((type) => type.prototype instanceof SharedMemoryError)).toBe(
      true,
    );
  });

  test.skipIf(!platform.hasShmFolder)('waits until what a maker that died has left half made is removed', async () => {
    const name = freshName();
    writeFileSync(pathOf(name), '', { mode: 0o600 });
    // An attach alone waits for 200 ms, and blocks.
    const removal = setTimeout(() => rmSync(pathOf(name)), 300);
    try {
      using shm = await SharedMemory.once(name, fill);
      expect([shm.isOwner, shm.size]).toEqual([true, SIZE]);
    } finally {
      clearTimeout(removal);
      rmSync(pathOf(name), { force: true });
    }
  });

  test.skipIf(!platform.hasShmFolder)(
    'fails with a LayoutError when it stays half made, and respects timeout',
    async () => {
      const name = freshName();
      writeFileSync(pathOf(name), '', { mode: 0o600 });
      try {
        await expect(SharedMemory.once(name, fill)).rejects.toMatchObject({ code: 'ERR_SHM_LAYOUT', segment: name });
        await expect(SharedMemory.once(name, fill, { timeout: 0 })).rejects.toMatchObject({ code: 'ERR_SHM_LAYOUT' });
        expect(exists(name)).toBe(true);
      } finally {
        rmSync(pathOf(name));
      }
    },
  );

  test.skipIf(!platform.survivesEveryKill)(
    'survives makers that are killed at random moments: nobody ever gets half a segment',
    { timeout: 60_000 + 10_000 * ROUNDS },
    async () => {
      const names: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const name = freshName();
        names.push(name);
        const children = peers(4);
        // Once all have loaded what they need, so that the kills fall into the making.
        await Promise.all(children.map((child) => child.ask('dispose')));
        const [last, ...others] = children.toReversed() as [Child, ...Child[]];
        await using _last = last;
        const outcome = last.ask<Got>('get', name, 4 * SIZE);
        // Awaited below; the others are killed first.
        outcome.catch(() => {});
        const outcomes = others.map((child) => child.ask<Got>('get', name, 4 * SIZE).catch(() => undefined));
        // At a moment somewhere between their start and their end.
        for (const child of others) {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
          await child.kill('SIGKILL');
        }
        // The last one gets it in any case, and the others if they were in time.
        const got = [await outcome, ...(await Promise.all(outcomes))];
        expect(got.every((one) => one?.isComplete ?? true)).toBe(true);
        await last.ask('dispose');
      }
      await expectNothingLeft(names);
    },
  );
});
