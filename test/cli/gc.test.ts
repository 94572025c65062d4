/**
 * In a /dev/shm of their own, because any other program of this user that creates a segment sweeps too. It takes a mount
 * namespace; where there can be none the tests that need it are reported as skipped.
 */
import { rmSync, writeFileSync } from 'node:fs';

import { describe, expect, inject, test } from 'vitest';

import { ShareableList, SharedMemory } from 'shareable';

import { platform } from '../support/platform.ts';
import type { Run, SegmentShape } from '../support/cli.ts';
import { shareable } from '../support/cli.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { canHavePrivateMemory, forkPrivately } from '../support/private-memory.ts';
import { runPython } from '../support/python.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';

const python = inject('pythons').at(-1);

async function segmentsOf(child: Child): Promise<SegmentShape[]> {
  const { stdout } = await child.ask<Run>('run', ['ls', '--json']);
  return (JSON.parse(stdout) as { segments: SegmentShape[] }).segments;
}

/** Returns what `shareable ls` prints as the memory of all segments. */
function residentIn({ stdout }: Run): string {
  return /^\d+ segments, ([\d.]+ KiB) resident$/m.exec(stdout)?.[1] ?? 'no size';
}

describe.skipIf(!platform.hasSweep || !canHavePrivateMemory)('in a /dev/shm of its own', () => {
  test('ls says in a sentence that there are no segments', async () => {
    await using child = forkPrivately();
    expect(await child.ask('run', ['ls'])).toEqual({
      code: 0,
      stdout: 'There are no shared memory segments.\n',
      stderr: '',
    });
    expect(await child.ask('run', ['gc'])).toEqual({ code: 0, stdout: 'Nothing was left behind.\n', stderr: '' });
    expect(await segmentsOf(child)).toEqual([]);
  });

  test('ls shows what an owner and its tracker left when both were killed, and gc removes it', async () => {
    await using child = forkPrivately();
    await child.ask('leaveBehind', ['left-a', 'left-b']);
    const stale = { isTracked: true, isInUse: platform.listsUnowned ? false : null, owner: { isAlive: false } };
    expect(await segmentsOf(child)).toMatchObject([
      { name: 'left-a', ...stale },
      { name: 'left-b', ...stale },
    ]);
    const ls = await child.ask<Run>('run', ['ls']);
    // macOS adds a page to each, and its pages have two sizes.
    const both = platform.hasShmFolder ? '16.0 KiB' : residentIn(ls);
    expect(ls.stdout).toContain(
      `\n2 segments, ${both} resident\n2 left behind by crashed owners: 'shareable gc' removes them\n`,
    );
    expect((await child.ask<Run>('run', ['doctor'])).stdout).toMatch(
      new RegExp(`^warning +left-behind +2 segments, ${both}`, 'm'),
    );

    const { code, stdout } = await child.ask<Run>('run', ['gc']);
    // The record of a dead owner is a file on macOS, which still has the place.
    const place = platform.hasShmFolder ? '' : String.raw` {2}created at \S+\.ts:\d+:\d+`;
    const rows = ['left-a', 'left-b'].map((name) => String.raw` {2}${name} {2}8\.0 KiB${place}\n`);
    expect(stdout).toMatch(
      new RegExp(String.raw`^Removed 2 segments left behind by crashed owners, 16\.0 KiB:\n${rows.join('')}$`),
    );
    expect(code).toBe(0);
    expect(await segmentsOf(child)).toEqual([]);
  });

  test.skipIf(!platform.listsUnowned)('gc leaves what is in use and what is not tracked, and says why', async () => {
    await using child = forkPrivately();
    await child.ask('leaveBehind', ['left']);
    // A tracker that starts would sweep before gc does, so this process makes only what needs none.
    await child.ask('create', 64, { name: 'apart', track: false });
    await child.ask('closeAll');
    await child.ask('write', 'foreign', 'as CPython would');
    const { stdout } = await child.ask<Run>('run', ['gc', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      removed: [{ name: 'left', size: 8192, origin: null }],
      kept: [],
      untracked: ['apart', 'foreign'],
    });
    await child.ask('create', 64, { name: 'live' });
    const { stdout: text } = await child.ask<Run>('run', ['gc']);
    expect(text).toMatch(
      /^Nothing was left behind\.\nLeft 1 segment:\n {2}live {2}in use: .* {2}created at \S+\.ts:\d+:\d+$/m,
    );
    expect(text).toMatch(/^Left 2 segments not tracked .*:\n {2}apart\n {2}foreign$/m);
    expect((await segmentsOf(child)).map(({ name }) => name).toSorted()).toEqual(['apart', 'foreign', 'live']);
  });
});

describe.skipIf(!platform.hasSweep)('shareable gc, among everybody', () => {
  test.skipIf(!platform.listsUnowned)('never removes a segment that is in use, nor one with track: false', async () => {
    using live = SharedMemory.create(64, { name: freshName() });
    using apart = ShareableList.create([1], { name: freshName(), track: false });
    const abandoned = freshName();
    const peer = forkFixture('cli/peer.ts');
    await peer.ask('create', abandoned, 64, { track: false });
    await peer.kill();
    apart.close();
    const { code, stdout } = await shareable(['gc', '--json']);
    const { removed, kept, untracked } = JSON.parse(stdout) as {
      removed: { name: string }[];
      kept: { name: string; reason: string; origin: string | null }[];
      untracked: string[];
    };
    expect(removed.map(({ name }) => name)).not.toContain(abandoned);
    const line = expect.stringMatching(/gc\.test\.ts:\d+:\d+$/);
    const origin = platform.recordsOrigins ? line : null;
    expect(kept).toContainEqual({ name: live.name, reason: expect.stringContaining('in use'), origin });
    expect(untracked).toEqual(expect.arrayContaining([apart.name, abandoned]));
    expect([live.name, apart.name, abandoned].filter((name) => !exists(name))).toEqual([]);
    expect(code).toBe(0);
    apart.unlink();
    await shareable(['rm', abandoned]);
  });

  test.skipIf(!platform.hasShmFolder)('names files for rm only if rm takes their names', async () => {
    const name = `${freshName()}\n`;
    writeFileSync(pathOf(name), 'not empty');
    try {
      const { stdout } = await shareable(['gc']);
      const [untracked, others] = stdout.split(/^Left .* with control characters in the name/m);
      const escaped = name.replace('\n', String.raw`\n`);
      expect([untracked?.includes(escaped), others?.includes(escaped)]).toEqual([false, true]);
      expect((await shareable(['rm', name])).stderr).toContain('control character');
    } finally {
      rmSync(pathOf(name));
    }
  });

  test.runIf(python !== undefined)("never removes CPython's", async () => {
    if (python === undefined) return;
    const name = freshName();
    await using child = runPython(python, 'cli/python-list.py');
    await child.ask('create', name, [1]);
    await shareable(['gc']);
    expect(exists(name)).toBe(true);
  });
});
