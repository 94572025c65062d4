/** The suites that need more than Node, by folder or file. */
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
  isWindows: boolean = isWine || process.platform === 'win32',
): MissingSuite[] {
  const missing: MissingSuite[] = [];
  // The rules of macOS on Linux have CPython beside them.
  if (!isLinux && process.env['SHAREABLE_TEST_RULES'] === undefined) {
    missing.push({
      folder: 'test/interop',
      needs: 'CPython, beside a kernel that keeps the exact sizes of its segments',
    });
  }
  if (!isLinux) {
    missing.push({ folder: 'test/runtimes', needs: 'the builds of Node, Bun and Deno for Linux' });
    missing.push({ folder: 'test/tracker/namespace.test.ts', needs: 'the namespaces of Linux' });
    for (const file of ['test/arrow/pyarrow.test.ts', 'test/shared-array/numpy.test.ts']) {
      missing.push({ folder: file, needs: 'NumPy and pyarrow, in a virtual environment as Unix lays it out' });
    }
    missing.push({ folder: 'test/install', needs: 'the builds of package managers and runtimes for Linux' });
  }
  if (process.env['SHAREABLE_TEST_RULES'] !== undefined) {
    for (const folder of ['test/install', 'test/repository', 'test/cluster']) {
      missing.push({ folder, needs: 'the binaries of the package, or its sources alone' });
    }
  }
  if (!platform.hasServers) {
    missing.push({ folder: 'test/runtimes', needs: 'managers with a server, and zeros after close' });
    missing.push({
      folder: 'test/tracker/namespace.test.ts',
      needs: 'a tracker that looks at its process, not at a pipe',
    });
    const files = ['address', 'endings', 'handshake', 'kill-points', 'once', 'server', 'temporary', 'untrusted'];
    for (const file of files.map((name) => `manager/${name}`)) {
      missing.push({ folder: `test/${file}.test.ts`, needs: 'managers with a server' });
    }
    for (const file of ['docs/tutorial-manager', 'docs/tutorial-serve', 'interop/conformance-manager']) {
      missing.push({ folder: `test/${file}.test.ts`, needs: 'managers with a server' });
    }
  }
  if (!isWindows) {
    missing.push({ folder: 'test/windows', needs: 'Windows' });
  }
  if (isWine) {
    for (const folder of ['test/cluster', 'test/docs/npm-readme.test.ts']) {
      missing.push({ folder, needs: 'the packages of the workspace' });
    }
    missing.push({ folder: 'test/repository', needs: 'the scripts and crates of the repository' });
  }
  return missing;
}
