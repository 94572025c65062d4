/** Runs once for all test files: finds the interpreters, and checks at the end that nothing is left in /dev/shm. */
import { existsSync, lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { TestProject } from 'vitest/node';

import { removeCopies } from './copy-of-package.ts';
import type { Python } from './python.ts';
import { platform } from './platform.ts';
import { findPythons } from './python.ts';
import { SHM, namesInUse, pathOf } from './segments.ts';

declare module 'vitest' {
  interface ProvidedContext {
    pythons: Python[];
  }
}

/** Fixtures are TypeScript with `using`, which this Node runs directly. */
const OLDEST_NODE = 24;

/**
 * Returns the inodes of the segments that a process of this machine has mapped, which are in use and not left behind.
 * By inode, because a creator's mapping is older than the name and is listed without it.
 */
function filesMapped(): Set<string> {
  const mapped = new Set<string>();
  // Windows does not list them.
  if (!existsSync('/proc/self/maps')) return mapped;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const [, file = ''] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/ (\d+) +\/dev\/shm\//g)) {
        mapped.add(file);
      }
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  return mapped;
}

/** Returns the inode of a segment's file, or -1 when it is removed. */
function fileOf(name: string): number {
  const path = platform.hasSegmentFiles ? pathOf(name) : join(SHM, name);
  return lstatSync(path, { throwIfNoEntry: false })?.ino ?? -1;
}

export default function setup(project: TestProject): () => Promise<void> {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new Error(`the tests need Node ${OLDEST_NODE}, not ${process.version}: run them by 'pnpm test:js'`);
  }
  project.provide('pythons', findPythons());
  const before = new Set(namesInUse());
  return async function leavesNothing() {
    removeCopies();
    const news = () => namesInUse().filter((name) => !before.has(name) && !name.startsWith('sem.'));
    const left = () => {
      const candidates = news();
      if (candidates.length === 0) return [];
      const mapped = filesMapped();
      return candidates.filter((name) => fileOf(name) >= 0 && !mapped.has(String(fileOf(name))));
    };
    // A new segment of another program can be unmapped for a moment; one that was left stays unmapped.
    for (let tries = 0; tries < 20 && left().length > 0; tries++) await delay(100);
    const names = left();
    if (names.length === 0) return;
    process.exitCode = 1;
    throw new Error(`the tests left in ${SHM}: ${names.join(', ')}`);
  };
}
