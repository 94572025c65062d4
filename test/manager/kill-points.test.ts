/** A member that is killed at each of the system calls by which it makes a segment. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { SharedMemoryManager } from 'shareable';
import { expect, test } from 'vitest';

import { pointsIn } from '../support/kill-points.ts';
import { namesInUse } from '../support/segments.ts';
import { freshFolder } from './support/places.ts';

const MEMBER = fileURLToPath(new URL('fixtures/one.ts', import.meta.url));
const hasStrace = spawnSync('strace', ['-V']).status === 0;

test.runIf(hasStrace)(
  'leaves only segments that its tracker or the manager unlinks, for every system call as its last',
  { timeout: 120_000 },
  async () => {
    using folder = freshFolder();
    const before = new Set(namesInUse());
    const manager = await SharedMemoryManager.start();
    const key = Buffer.from(manager.authkey ?? []).toString('hex');
    const run = async (...args: string[]) => {
      const command = ['-f', '-qq', ...args, process.execPath, MEMBER, manager.address ?? '', key];
      await once(spawn('strace', command, { stdio: 'ignore' }), 'exit');
    };
    const trace = join(folder.path, 'trace');
    await run('-o', trace);
    const points = pointsIn(readFileSync(trace, 'utf8'));
    expect(points.map(({ call }) => call)).toEqual(expect.arrayContaining(['open', 'fallocate', 'sendto', 'recvfrom']));
    for (const { call, when } of points) {
      await run('-o', '/dev/null', '-e', `inject=${call}:signal=KILL:when=${when}`);
    }
    // The one that was only traced, and those who were killed after the server had taken over.
    const kept = manager.list();
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThan(points.length);
    await manager.shutdown();
    await expect
      .poll(() => {
        const now = new Set(namesInUse());
        return [kept.filter((name) => now.has(name)), [...now].filter((name) => isNew(name, before))];
      })
      .toEqual([[], []]);
  },
);

/** Whether a segment of the kind that was made here has come since; other test files make larger ones, or with names. */
function isNew(name: string, before: Set<string>): boolean {
  if (before.has(name) || !name.startsWith('psm_')) return false;
  try {
    return readFileSync(`/dev/shm/${name}`).length === 77;
  } catch {
    return false;
  }
}
