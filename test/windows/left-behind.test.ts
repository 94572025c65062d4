/**
 * What a power failure leaves behind on Windows: the file of an owned segment, without the handle with which the system
 * would have removed it. A copy of such a file stands for it. The tracker of any other process may remove it at any time.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { listed, shareable, shareableJson } from '../support/cli.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { processLimit } from '../support/limits.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

const SIZE = 5000;

/** Another process may remove the file before the look at it, so these tests look again. */
const AGAIN = { timeout: processLimit(20_000) };

interface Left {
  name: string;
  /** Leaves it behind once more, if it was removed. */
  again: () => void;
  [Symbol.dispose]: () => void;
}

function leaveBehind(): Left {
  const name = freshName();
  const folder = mkdtempSync(join(tmpdir(), 'test-left-'));
  const copy = join(folder, 'copy');
  const shm = SharedMemory.create(SIZE, { name });
  shm.buf.fill(7);
  const file = pathOf(name);
  copyFileSync(file, copy);
  shm[Symbol.dispose]();
  const again = () => {
    if (existsSync(file)) return;
    copyFileSync(copy, file);
    // This attribute tells that a segment is owned.
    execFileSync('attrib', ['+S', file]);
  };
  again();
  return { name, again, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

interface Collected {
  removed: { name: string; size: number | null }[];
  kept: { name: string; reason: string }[];
}

describe.runIf(process.platform === 'win32')('the file of an owned segment without an owner', () => {
  test('is listed as not in use', async () => {
    using left = leaveBehind();
    await expect
      .poll(() => (left.again(), listed(left.name)), AGAIN)
      .toMatchObject({
        name: left.name,
        size: SIZE,
        isTracked: true,
        isInUse: false,
        owner: null,
      });
    await expect
      .poll(async () => (left.again(), (await shareable(['ls'])).stdout), AGAIN)
      .toMatch(/^\d+ left behind by crashed owners: 'shareable gc' removes (it|them)$/m);
    await expect
      .poll(async () => (left.again(), (await shareable(['doctor'])).stdout), AGAIN)
      .toMatch(/^warning +left-behind +\d+ segments?, /m);
    await shareable(['gc']);
  });

  test('is removed by gc', async () => {
    using left = leaveBehind();
    const collect = async () => {
      left.again();
      const { removed } = await shareableJson<Collected>(['gc']);
      expect(exists(left.name)).toBe(false);
      return removed;
    };
    await expect.poll(collect, AGAIN).toContainEqual({ name: left.name, size: SIZE, origin: null });
  });

  test('is kept as long as a process has it attached', async () => {
    using left = leaveBehind();
    let shm: SharedMemory | undefined;
    const attach = () => {
      left.again();
      shm = SharedMemory.attach(left.name);
      return shm.buf[SIZE - 1];
    };
    await expect.poll(attach, AGAIN).toBe(7);
    expect(await listed(left.name)).toMatchObject({ isTracked: true, isInUse: true });
    const { removed, kept } = await shareableJson<Collected>(['gc']);
    expect(kept).toContainEqual({ name: left.name, reason: expect.stringContaining('in use'), origin: null });
    expect(removed.map(({ name }) => name)).not.toContain(left.name);
    expect(exists(left.name)).toBe(true);
    shm?.close();
    await shareable(['gc']);
    expect(exists(left.name)).toBe(false);
  });

  test('does not keep its name from a new segment', () => {
    using left = leaveBehind();
    using shm = SharedMemory.create(10, { name: left.name });
    expect([shm.size, shm.isOwner, [...shm.buf]]).toEqual([10, true, Array.from({ length: 10 }, () => 0)]);
  });

  test('is removed by the tracker of the next process', async () => {
    using left = leaveBehind();
    await using next = forkFixture('tracker/owner.ts');
    await next.ask('createInScope');
    await expect.poll(() => exists(left.name), AGAIN).toBe(false);
  });
});
