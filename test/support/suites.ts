/** The suites that need other programs than Node, by folder, and where those programs are. */
import { platform } from './platform.ts';

/** A suite that cannot run, and what it lacks. */
export interface MissingSuite {
  folder: string;
  needs: string;
}

/** Returns the suites that cannot run on a platform; by default, on this one. */
export function missingSuites(
  isLinux: boolean = platform.hasShmFolder,
  isWine: boolean = process.env['SHAREABLE_TEST_WINE'] !== undefined,
): MissingSuite[] {
  const missing: MissingSuite[] = [];
  if (!isLinux) {
    missing.push({ folder: 'test/interop', needs: 'CPython, with segments that are files in /dev/shm' });
    missing.push({ folder: 'test/runtimes', needs: 'the builds of Node, Bun and Deno for Linux' });
    missing.push({ folder: 'test/install', needs: 'the builds of package managers and runtimes for Linux' });
  }
  if (isWine) {
    missing.push({ folder: 'test/repository', needs: 'the scripts and crates of the repository' });
  }
  return missing;
}
