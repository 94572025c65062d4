// Puts the built binaries of a platform into its package: stage.mjs linux-x64-gnu ADDON HELPER [FOLDER]. Without the
// files it takes those of the local build.
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { place, root } from './cargo.mjs';

/** Copies the files, and the licences of what is in them, into the folder of the platform's package. */
export function stage(target, addon, helper, folder = join(import.meta.dirname, '../npm', target)) {
  place(addon, join(folder, `shareable.${target}.node`), 0o644);
  place(helper, join(folder, target.startsWith('win32') ? 'shareable-helper.exe' : 'shareable-helper'), 0o755);
  copyFileSync(join(root, 'THIRD-PARTY.md'), join(folder, 'THIRD-PARTY.md'));
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

if (process.argv[1] === import.meta.filename) {
  const [target, addon, helper, folder] = process.argv.slice(2);
  if (target === undefined) {
    console.error('usage: stage.mjs TARGET [ADDON HELPER [FOLDER]]');
    process.exit(2);
  }
  const local = join(import.meta.dirname, '../native');
  stage(
    target,
    addon ?? join(local, `shareable.${target}.node`),
    helper ?? join(local, target.startsWith('win32') ? 'shareable-helper.exe' : 'shareable-helper'),
    folder === undefined ? undefined : resolve(folder),
  );
}
