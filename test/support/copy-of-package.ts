/** A second copy of the package, as two dependencies that each bring their own have it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { addonPath, helperPath } from './processes.ts';

const source = fileURLToPath(new URL('../../packages/shareable/', import.meta.url));

/** Copies what the package consists of; `index` is what to import. The copy goes at the end of the scope. */
export function copyOfPackage(): Disposable & { index: string } {
  const folder = mkdtempSync(join(tmpdir(), 'shareable-copy-'));
  for (const part of ['package.json', 'dist']) cpSync(join(source, part), join(folder, part), { recursive: true });
  for (const binary of [addonPath, helperPath]) cpSync(binary, join(folder, 'native', basename(binary)));
  return {
    index: pathToFileURL(join(folder, 'dist/index.mjs')).href,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
