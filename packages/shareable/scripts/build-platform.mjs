// Builds the addon and the helper for a platform and puts them into its package: build-platform.mjs linux-x64-gnu.
import { join } from 'node:path';

import { buildAddon, buildHelper } from './cargo.mjs';
import { checkFloor, floorEnvironment } from './glibc-floor.mjs';
import { stage } from './stage.mjs';

const TRIPLES = {
  'linux-x64-gnu': 'x86_64-unknown-linux-gnu',
  'linux-x64-musl': 'x86_64-unknown-linux-musl',
  'linux-arm64-gnu': 'aarch64-unknown-linux-gnu',
  'linux-arm64-musl': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64-msvc': 'x86_64-pc-windows-msvc',
  'win32-arm64-msvc': 'aarch64-pc-windows-msvc',
};

const [target] = process.argv.slice(2);
const triple = TRIPLES[target];
if (triple === undefined) {
  console.error(`usage: build-platform.mjs ${Object.keys(TRIPLES).join(' | ')}`);
  process.exit(2);
}
const env = floorEnvironment(triple);
const files = { addon: buildAddon(triple, env), helper: buildHelper(triple, env) };
if (triple.endsWith('linux-gnu')) {
  for (const file of Object.values(files)) console.log(`${file} needs glibc ${checkFloor(file)}`);
}
stage(target, files.addon, files.helper, join(import.meta.dirname, '../npm', target));
