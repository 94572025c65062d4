/** A maker that is killed at each of the system calls by which it makes a segment once. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LayoutError, SharedMemory } from 'shareable';
import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { pathOfFixture } from '../support/fixtures.ts';
import { pointsIn } from '../support/kill-points.ts';
import { expectNothingLeft } from '../support/once.ts';
import { SHM, freshName } from '../support/segments.ts';

/** The calls that make a segment, and end the gate. */
const CALLS = platform.namesWhenComplete ? ['linkat', 'unlinkat', 'fallocate'] : ['fchmod', 'fallocate', 'unlinkat'];

const makeOnce = (name: string) => SharedMemory.once(name, (create) => void create(8192).buf.fill(7));

/**
 * Gets the segment after its maker was killed. Where a name appears first, nothing tells who has begun a segment that has no size
 * or trailer yet. If it was to have no owner, the error says so, and somebody has to remove it.
 */
async function next(name: string, isOwned: boolean): Promise<SharedMemory> {
  if (isOwned || platform.namesWhenComplete) return makeOnce(name);
  return makeOnce(name).catch((error: unknown) => {
    if (!(error instanceof LayoutError) || !error.message.includes('its creator died')) throw error;
    // In the simulation. On macOS there is no strace, so this test does not run.
    rmSync(join(SHM, name));
    return makeOnce(name);
  });
}

const hasStrace = spawnSync('strace', ['-V']).status === 0;

test.runIf(platform.tellsSegmentsApart && hasStrace).each([true, false])(
  'whichever call is its last, the segment is complete or not there, and the next caller gets it (track: %s)',
  { timeout: 180_000 },
  async (track) => {
    const folder = mkdtempSync(join(tmpdir(), 'test-once-'));
    const run = async (name: string, ...args: string[]) => {
      const command = ['-f', '-qq', ...args, process.execPath, pathOfFixture('memory/once-marked.ts'), name];
      await once(spawn('strace', [...command, String(track)], { stdio: 'ignore' }), 'exit');
    };
    try {
      const trace = join(folder, 'trace');
      const traced = freshName();
      await run(traced, '-o', trace);
      const points = pointsIn(readFileSync(trace, 'utf8')).filter(
        ({ call }) => !/^(futex|epoll|read|write|get|prlimit|rt_sig)/.test(call),
      );
      expect(points.map(({ call }) => call)).toEqual(expect.arrayContaining(CALLS));
      const names = [traced];
      for (const { call, when } of points) {
        const name = freshName();
        names.push(name);
        await run(name, '-o', '/dev/null', '-e', `inject=${call}:signal=KILL:when=${when}`);
        using shm = await next(name, track);
        expect([shm.size, shm.buf.every((byte) => byte === 7)], `${call} ${when}`).toEqual([8192, true]);
        // What a maker had finished stays without a tracker.
        if (!track && !shm.isOwner) shm.unlink();
      }
      if (!track) SharedMemory.attach(traced).unlink();
      await expectNothingLeft(names);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
