/**
 * Builds the addon and the helper for one platform: `node scripts/build-target.ts TARGET [FOLDER]`. The target has
 * the name of its package, such as `linux-arm64-gnu`, or Rust's name. The default folder is that of the package.
 */
import { join, resolve } from 'node:path';

import { build } from './targets/build.ts';
import { root } from './targets/commands.ts';
import { findTarget } from './targets/targets.ts';

const [name, folder] = process.argv.slice(2).filter((argument) => argument !== '--');
if (name === undefined) {
  console.error('node scripts/build-target.ts TARGET [FOLDER]');
  process.exit(2);
}
const target = findTarget(name);
const built = build(target, folder === undefined ? join(root, 'packages/shareable/npm', target.name) : resolve(folder));
console.log(JSON.stringify({ target: target.name, ...built }));
