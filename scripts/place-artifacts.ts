/**
 * Moves built binaries into the packages of their platforms: `node scripts/place-artifacts.ts FOLDER [TARGET]...`. The folder
 * contains a folder `binaries-<target>` for each target, made by `scripts/build-target.ts`. The default is all targets.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { root } from './targets/commands.ts';
import { filesOf, findTarget, targets } from './targets/targets.ts';

const [folder, ...names] = process.argv.slice(2).filter((argument) => argument !== '--');
if (folder === undefined) {
  console.error('node scripts/place-artifacts.ts FOLDER [TARGET]...');
  process.exit(2);
}
const wanted = names.length === 0 ? targets : names.map(findTarget);
const missing: string[] = [];
for (const target of wanted) {
  const place = join(root, 'packages/shareable/npm', target.name);
  mkdirSync(place, { recursive: true });
  for (const [kind, name] of Object.entries(filesOf(target))) {
    const file = join(resolve(folder), `binaries-${target.name}`, name);
    if (!existsSync(file)) {
      missing.push(file);
      continue;
    }
    copyFileSync(file, join(place, name));
    // Uploaded artifacts lose their modes.
    chmodSync(join(place, name), kind === 'helper' ? 0o755 : 0o644);
  }
}
if (missing.length > 0) {
  console.error(`missing: ${missing.join(', ')}`);
  process.exit(1);
}
console.log(`placed: ${wanted.map(({ name }) => name).join(', ')}`);
