import { rmSync, writeFileSync } from 'node:fs';

import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, inject, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import type { SegmentShape } from '../support/cli.ts';
import { listed, shareable, shareableJson } from '../support/cli.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { runPython } from '../support/python.ts';
import { freshName, pathOf } from '../support/segments.ts';

const pythons = inject('pythons');

/** The row of a segment, its cells parted by two spaces or more. */
function rowOf(stdout: string, name: string): string[] | undefined {
  return stdout
    .split('\n')
    .map((line) => line.split(/ {2,}/))
    .find(([first]) => first === name);
}

describe.skipIf(!platform.hasSweep)('shareable ls', () => {
  test.skipIf(!platform.hasShmFolder)('shows a long name whole, and does not widen the table for it', async () => {
    using short = SharedMemory.create(8, { name: freshName() });
    using long = SharedMemory.create(8, { name: freshName().padEnd(255, 'x') });
    const { stdout } = await shareable(['ls']);
    expect(stdout.split('\n', 1)[0]?.length).toBeLessThan(200);
    expect(rowOf(stdout, long.name)?.slice(1, 3)).toEqual(rowOf(stdout, short.name)?.slice(1, 3));
  });

  test.skipIf(!platform.listsUnowned)('shows all facts of a tracked segment whose owner is alive', async () => {
    const before = Date.now();
    const line = expect.stringMatching(/ls\.test\.ts:\d+:\d+$/);
    using shm = SharedMemory.create(10_000, { name: freshName() });
    expect(await listed(shm.name)).toEqual({
      name: shm.name,
      kind: 'raw',
      length: null,
      size: 10_000,
      residentBytes: 12_288,
      isTracked: true,
      isInUse: true,
      owner: platform.recordsOwners ? { pid: process.pid, isAlive: true } : null,
      origin: platform.recordsOrigins ? line : null,
      uid: process.getuid?.() ?? 0,
      mode: '0600',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    // The kernel stamps files by a clock of its own, which lags by up to a tick.
    expect(Date.parse((await listed(shm.name))?.createdAt ?? '')).toBeGreaterThan(before - 1000);
  });

  test.skipIf(!platform.listsUnowned)('prints it as a row', async () => {
    using shm = SharedMemory.create(10_000, { name: freshName(), track: false });
    try {
      const { code, stdout, stderr } = await shareable(['ls']);
      expect(stdout).toMatch(/^NAME +KIND +SIZE +RESIDENT +TRACKED +IN USE +OWNER +AGE/);
      const row = rowOf(stdout, shm.name);
      const creator = platform.recordsCreators ? String(process.pid) : 'unknown';
      expect(row?.slice(0, 7)).toEqual([shm.name, 'raw', '9.8 KiB', '12.0 KiB', 'no', 'yes', creator]);
      expect(row?.[7]).toMatch(/^\d+ s$/);
      expect(stdout).toMatch(/^\d+ segments?, .* resident$/m);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    } finally {
      shm.unlink();
    }
  });

  test.skipIf(!platform.recordsCreators)('recognizes a list, and a dead creator', async () => {
    const name = freshName();
    const peer = forkFixture('cli/peer.ts');
    const pid = await peer.ask<number>('createList', name, [1, 'two', null], { track: false });
    try {
      expect(await listed(name)).toMatchObject({
        kind: 'list',
        length: 3,
        isInUse: true,
        owner: { pid, isAlive: true },
      });
      await peer.ask('closeAll');
      expect(await listed(name)).toMatchObject({ isInUse: false, owner: { pid, isAlive: true } });
      await peer.kill();
      expect(await listed(name)).toMatchObject({ isTracked: false, isInUse: false, owner: { pid, isAlive: false } });
      expect(rowOf((await shareable(['ls'])).stdout, name)?.[6]).toBe(`${pid} (dead)`);
    } finally {
      rmSync(pathOf(name));
    }
  });

  test.skipIf(!platform.recordsOrigins)(
    'names the owner and the line of segments with random and chosen names',
    async () => {
      using random = SharedMemory.create(8);
      using chosen = SharedMemory.create(8, { name: freshName() });
      using detached = SharedMemory.create(8, { track: false });
      const owner = { pid: process.pid, isAlive: true };
      const origin = expect.stringMatching(/ls\.test\.ts:\d+:\d+$/);
      try {
        for (const { name } of [random, chosen]) expect(await listed(name)).toMatchObject({ owner, origin });
        expect((await listed(detached.name))?.origin).toBe(platform.listsUnowned ? null : undefined);
      } finally {
        detached.unlink();
      }
    },
  );

  test.skipIf(!platform.recordsOwners)('names the owner of segments with random and chosen names', async () => {
    await using peer = forkFixture('cli/peer.ts');
    const [name, detached] = [freshName(), freshName()];
    const pid = await peer.ask<number>('create', name, 64);
    await peer.ask('create', detached, 64, { track: false });
    using random = SharedMemory.create(8);
    expect(await listed(name)).toMatchObject({ owner: { pid, isAlive: true } });
    expect(await listed(random.name)).toMatchObject({ owner: { pid: process.pid, isAlive: true } });
    const expected = platform.recordsCreators ? { pid, isAlive: true } : null;
    expect((await listed(detached))?.owner).toEqual(platform.listsUnowned ? expected : undefined);
    await peer.ask('unlinkAll');
  });

  test('shows zeros as raw bytes, although they read as an empty list', async () => {
    using zeros = SharedMemory.create(4096, { name: freshName() });
    using empty = ShareableList.create([], { name: freshName() });
    expect(await listed(zeros.name)).toMatchObject({ kind: 'raw', length: null });
    expect(await listed(empty.name)).toMatchObject({ kind: 'list', length: 0 });
  });

  test('lists the oldest first, independent of names', async () => {
    const [a, b] = [freshName(), freshName()];
    using first = SharedMemory.create(8, { name: b });
    // A process takes longer than a tick of the clock that stamps files.
    await shareable(['--version']);
    using second = SharedMemory.create(8, { name: a });
    const { segments } = await shareableJson<{ segments: { name: string }[] }>(['ls']);
    const names = segments.map(({ name }) => name).filter((name) => name === a || name === b);
    expect(names).toEqual([first.name, second.name]);
  });

  test.skipIf(!platform.hasShmFolder)('shows an empty file, which a creator leaves that died half way', async () => {
    const name = freshName();
    writeFileSync(pathOf(name), '');
    try {
      expect(await listed(name)).toMatchObject({ kind: 'raw', size: 0, isTracked: false, owner: null });
    } finally {
      rmSync(pathOf(name));
    }
  });

  test.skipIf(!platform.hasShmFolder).each([
    ['colours', '\u001B[31m', String.raw`\u{1b}[31m`],
    ['a cleared screen', '\u009B2J', String.raw`\u{9b}2J`],
    ['a second line', '\nx', String.raw`\nx`],
    ['reversed text', '\u202Efdp', String.raw`\u{202e}fdp`],
  ])('escapes a name with %s', async (_, evil, spelled) => {
    const name = `${freshName()}${evil}`;
    writeFileSync(pathOf(name), 'x');
    try {
      const { stdout } = await shareable(['ls']);
      expect(stdout).toContain(name.replace(evil, spelled));
      expect(stdout).not.toContain(evil);
      const json = await shareable(['ls', '--json']);
      expect(json.stdout).not.toContain(evil);
      expect(json.stdout.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(await listed(name)).toMatchObject({ name, size: 1 });
    } finally {
      rmSync(pathOf(name));
    }
  });

  test.runIf(canBeAnotherUser && platform.listsUnowned)(
    "shows what this user may know about another user's segment (as root)",
    async () => {
      const through = asUser(65_534);
      using shm = SharedMemory.create(64, { name: freshName() });
      const { segments } = await shareableJson<{ segments: SegmentShape[] }>(['ls'], { through });
      expect(segments.find(({ name }) => name === shm.name)).toMatchObject({
        kind: null,
        size: 64,
        isTracked: true,
        isInUse: null,
        owner: null,
        uid: 0,
      });
      const { stdout } = await shareable(['ls'], { through });
      expect(stdout).toMatch(/AGE +USER\n/);
      expect(rowOf(stdout, shm.name)?.at(-1)).toBe('uid 0');
      expect(await shareable(['inspect', shm.name], { through })).toMatchObject({ code: 1, stdout: '' });
      expect((await shareable(['rm', '--force', shm.name], { through })).stderr).toContain('cannot be used');
      expect((await shareable(['gc', '--json'], { through })).stdout).not.toContain(shm.name);
      expect(await listed(shm.name)).toMatchObject({ uid: 0 });
    },
  );

  test.runIf(platform.listsAllOfCPython && pythons.length > 0)("shows CPython's list as not tracked", async () => {
    const name = freshName();
    const python = pythons.findLast(({ minor }) => minor >= 9) ?? pythons[0];
    if (python === undefined) return;
    await using child = runPython(python, 'cli/python-list.py');
    const size = await child.ask('create', name, [1, 2.5, 'three', null]);
    expect(await listed(name)).toMatchObject({
      kind: 'list',
      length: 4,
      size,
      isTracked: false,
      isInUse: true,
      owner: null,
    });
  });
});
