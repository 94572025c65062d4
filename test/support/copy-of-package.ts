/** A second copy of the package, as two dependencies that each bring their own have it. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { addonPath, helperPath } from './processes.ts';

/** Where the package under test is: it may be installed, or part of this repository. */
const source = dirname(createRequire(import.meta.url).resolve('shareable/package.json'));

/** The folders of the copies that one run of the suite makes, whose main process has the given number. */
function copiesOf(main: number): string {
  return `shareable-copy-${main}-`;
}

/**
 * Copies what the package consists of; `index` is what to import. The copy is removed at the end of the scope; on Windows,
 * which keeps a loaded addon, at the end of the suite.
 */
export function copyOfPackage(): Disposable & { index: string } {
  const folder = mkdtempSync(join(tmpdir(), copiesOf(process.ppid)));
  for (const part of ['package.json', 'dist']) cpSync(join(source, part), join(folder, part), { recursive: true });
  for (const binary of [addonPath, helperPath]) cpSync(binary, join(folder, 'native', basename(binary)));
  return {
    index: pathToFileURL(join(folder, 'dist/index.mjs')).href,
    [Symbol.dispose]: () => {
      if (process.platform !== 'win32') rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Removes the copies that the test files of this run have left. Call it in the main process, after those of the files. */
export function removeCopies(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(copiesOf(process.pid))) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
