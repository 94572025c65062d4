/**
 * What stays behind when everything dies at once, a container that is stopped for one, is removed by the next sweep; and
 * nothing else is. Any other process's tracker may sweep at any time, so these tests look at what is left and not at who
 * removed the rest.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { promisify } from 'node:util';

import { SharedMemory } from 'shareable';
import { describe, expect, inject, onTestFinished, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { runPython } from '../support/python.ts';
import { exists, freshName, pathOf, remove } from '../support/segments.ts';
import { until } from '../support/until.ts';
import { helperOf, helperPath } from '../support/processes.ts';

const startOwner = () => forkFixture('tracker/owner.ts', { execArgv: ['--expose-gc'] });
const python = inject('pythons').at(-1);
const isRoot = process.geteuid?.() === 0;

interface Report {
  removed: string[];
  kept: { name: string; reason: string }[];
}

async function sweep(): Promise<Report> {
  const { stdout } = await promisify(execFile)(helperPath, ['sweep']);
  return JSON.parse(stdout) as Report;
}

/** Kills a process and its helper. */
async function killAll(owner: Child): Promise<void> {
  const { pid } = owner.process;
  if (platform.hasTaskkill) await promisify(execFile)('taskkill', ['/PID', String(pid), '/T', '/F']);
  else process.kill(helperOf(pid), 'SIGKILL');
  await owner.kill();
}

/** Segments of a process that is dead, as is its helper. */
async function leaveStale(count: number): Promise<string[]> {
  await using owner = startOwner();
  const names = await owner.ask<string[]>('own', count);
  await killAll(owner);
  return names;
}

/** Something in /dev/shm that goes at the end of the test. */
function make(create: (path: string) => void, name = freshName()): string {
  create(pathOf(name));
  onTestFinished(() => rmSync(pathOf(name), { recursive: true }));
  return name;
}

describe.skipIf(!platform.hasSweep)('a sweep', () => {
  test('removes what a process and its helper left when both were killed', async () => {
    const names = await leaveStale(20);
    await sweep();
    expect(names.filter(exists)).toEqual([]);
  });

  test('is done by the helper of the next process', async () => {
    const names = await leaveStale(3);
    await using next = startOwner();
    await next.ask('createInScope');
    next.process.disconnect();
    await next.end();
    expect(next.stderr).toBe('');
    // The helper outlives its process for this, and nobody can wait for it.
    await until(() => !names.some(exists));
  });

  test('removes everything when many sweep at once', async () => {
    const names = await leaveStale(200);
    const reports = await Promise.all(Array.from({ length: 6 }, sweep));
    expect(names.filter(exists)).toEqual([]);
    const removed = reports.flatMap((report) => report.removed);
    expect(new Set(removed).size).toBe(removed.length);
  });
});

describe.skipIf(!platform.hasSweep)('a sweep keeps', () => {
  test("a living owner's segment, even when it is closed or unreachable", async () => {
    await using owner = startOwner();
    const [open = '', closed = '', lost = ''] = await owner.ask<string[]>('own', 3);
    await owner.ask('close', closed);
    expect(await owner.ask('forget', lost)).toBe(true);
    const { removed, kept } = await sweep();
    for (const name of [open, closed, lost]) {
      expect(removed).not.toContain(name);
      expect(kept).toContainEqual({ name, reason: expect.stringContaining('in use') });
      expect(exists(name)).toBe(true);
    }
    await owner.ask('dispose', closed);
    await owner.kill();
    expect([open, closed, lost].filter(exists)).toEqual([]);
  });

  test.skipIf(!platform.listsUnowned || !platform.outlivesProcesses).each([[{}], [{ readOnly: true }]])(
    'what another process has attached (%o), until that process ends',
    async (options) => {
      await using attached = startOwner();
      await using owner = startOwner();
      const [used = '', unused = ''] = await owner.ask<string[]>('own', 2);
      await attached.ask('attach', used, options);
      await killAll(owner);
      await sweep();
      expect([used, unused].filter(exists)).toEqual([used]);
      await attached.kill();
      await sweep();
      expect(exists(used)).toBe(false);
    },
  );

  test.skipIf(!platform.listsUnowned || !platform.outlivesProcesses)(
    'what this process has attached, until it closes it',
    async () => {
      await using owner = startOwner();
      const [name = ''] = await owner.ask<string[]>('own', 1);
      const shm = SharedMemory.attach(name);
      await killAll(owner);
      await sweep();
      expect(exists(name)).toBe(true);
      shm.close();
      await sweep();
      expect(exists(name)).toBe(false);
    },
  );

  test('what was created with track: false', async () => {
    await using creator = startOwner();
    const [name = ''] = await creator.ask<string[]>('own', 1, { track: false });
    const [owned = ''] = await creator.ask<string[]>('own', 1);
    await killAll(creator);
    const { kept } = await sweep();
    expect([name, owned].filter(exists)).toEqual([name]);
    // It is not even a candidate.
    expect(kept.map((segment) => segment.name)).not.toContain(name);
    SharedMemory.attach(name).unlink();
  });

  test.skipIf(!platform.hasShmFolder)('files that are not segments of this library', async () => {
    const names = [
      make((path) => writeFileSync(path, 'somebody else’s')),
      make((path) => writeFileSync(path, 'a semaphore', { mode: 0o600 }), `sem.${freshName()}`),
      make((path) => mkdirSync(path)),
      make((path) => symlinkSync('/etc/hostname', path)),
    ];
    // With the mark that segments with an owner bear, as far as it can be theirs.
    chmodSync(pathOf(names[1] ?? ''), 0o1600);
    chmodSync(pathOf(names[2] ?? ''), 0o1700);
    await sweep();
    expect(names.filter(exists)).toEqual(names);
  });

  test.skipIf(!platform.hasShmFolder)(
    'a file, a segment with track: false and a copy of an owned one, whatever their modes have become',
    async () => {
      await using creator = startOwner();
      const [detached = ''] = await creator.ask<string[]>('own', 1, { track: false });
      const [owned = ''] = await creator.ask<string[]>('own', 1);
      const names = [
        detached,
        make((path) => writeFileSync(path, 'a report')),
        make((path) => execFileSync('cp', ['-a', pathOf(owned), path])),
      ];
      for (const name of names) chmodSync(pathOf(name), 0o1777);
      await killAll(creator);
      const { kept } = await sweep();
      expect([...names, owned].filter(exists)).toEqual(names);
      expect(kept.filter(({ name }) => names.includes(name))).toEqual([]);
      SharedMemory.attach(detached).unlink();
    },
  );

  test.skipIf(!platform.hasShmFolder)(
    'nothing of an owned segment whose file was written to or truncated',
    async () => {
      await using owner = startOwner();
      const [written = '', cut = ''] = await owner.ask<string[]>('own', 2);
      // No sweep of another process removes them before they are changed.
      const attached = [SharedMemory.attach(written), SharedMemory.attach(cut)];
      await killAll(owner);
      writeFileSync(pathOf(written), 'by another program');
      truncateSync(pathOf(cut), 1);
      for (const shm of attached) shm.close();
      await sweep();
      // Kernels before 6.6 keep only marks that such a write voids.
      const [major = 0, minor = 0] = release().split('.').map(Number);
      expect([written, cut].filter(exists)).toEqual(major > 6 || (major === 6 && minor >= 6) ? [] : [written, cut]);
      for (const name of [written, cut]) rmSync(pathOf(name), { force: true });
    },
  );

  test.runIf(platform.hasShmFolder && isRoot)("another user's, even if it could remove it", async () => {
    const name = make((path) => {
      writeFileSync(path, 'not mine');
      chownSync(path, 65534, 65534);
      chmodSync(path, 0o1600);
    });
    await sweep();
    expect(exists(name)).toBe(true);
  });
});

describe.skipIf(!platform.hasSweep || python === undefined)('beside CPython a sweep keeps', () => {
  test.skipIf(!platform.listsUnowned || !platform.outlivesProcesses)(
    'what CPython has attached, until that process ends',
    async () => {
      if (python === undefined) return;
      await using attached = runPython(python, 'tracker/python.py');
      await using owner = startOwner();
      const [name = ''] = await owner.ask<string[]>('own', 1);
      expect(await attached.ask('attach', name)).toBe(100);
      await killAll(owner);
      await sweep();
      expect(exists(name)).toBe(true);
      await expect(attached.ask('die')).rejects.toThrow('SIGKILL');
      await attached.end();
      await sweep();
      expect(exists(name)).toBe(false);
    },
  );

  test.skipIf(!platform.outlivesProcesses)('what CPython has created and left behind', async () => {
    if (python === undefined) return;
    const name = freshName();
    await using creator = runPython(python, 'tracker/python.py');
    await creator.ask('create', name, 100);
    await expect(creator.ask('die')).rejects.toThrow('SIGKILL');
    await creator.end();
    const { kept } = await sweep();
    expect(exists(name)).toBe(true);
    expect(kept.map((segment) => segment.name)).not.toContain(name);
    remove(name);
  });
});

describe.skipIf(!platform.hasSweep)('attaching while sweeps are under way', () => {
  test('returns a complete segment, or fails', async () => {
    const names = await leaveStale(200);
    const sweeps = Promise.all(Array.from({ length: 3 }, sweep));
    const failures = new Set<string>();
    const attached: SharedMemory[] = [];
    for (const name of names.toReversed()) {
      try {
        attached.push(SharedMemory.attach(name));
      } catch (error) {
        failures.add(String((error as NodeJS.ErrnoException).code));
      }
    }
    await sweeps;
    expect([...failures].filter((code) => code !== 'ENOENT')).toEqual([]);
    for (const shm of attached) {
      expect(shm.buf.length).toBe(100);
      shm.close();
    }
    await sweep();
    expect(names.filter(exists)).toEqual([]);
  });
});
