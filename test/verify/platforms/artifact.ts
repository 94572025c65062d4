/**
 * Tests one built artifact on a machine of its platform: `node test/verify/platforms/artifact.ts TARGET [FOLDER]`. The binaries are
 * those that `place-artifacts.ts` would take from the folder, or, without one, those of the platform's package.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { root } from '../../../scripts/targets/commands.ts';
import { filesOf, findTarget } from '../../../scripts/targets/targets.ts';
import { skippedInMusl } from './support/skips-musl.ts';
import { prepareSmoke } from './support/smoke.ts';

const [name, folder] = process.argv.slice(2).filter((argument) => argument !== '--');
if (name === undefined) {
  console.error('node test/verify/platforms/artifact.ts TARGET [FOLDER]');
  process.exit(2);
}
const target = findTarget(name);
const files = filesOf(target);
const place = join(root, 'packages/shareable/npm', target.name);
if (folder !== undefined) {
  const flags = [join(root, 'scripts/place-artifacts.ts'), resolve(folder), target.name];
  execFileSync(process.execPath, flags, { stdio: 'inherit' });
}
const env = {
  ...process.env,
  SHAREABLE_ADDON: join(place, files.addon),
  SHAREABLE_HELPER: join(place, files.helper),
};
for (const file of [env.SHAREABLE_ADDON, env.SHAREABLE_HELPER]) {
  if (!existsSync(file)) throw new Error(`${file} is not there`);
}

/** Runs a program by this Node, with its output shown. */
function succeeds(cwd: string, ...args: string[]): boolean {
  return spawnSync(process.execPath, args, { cwd, stdio: 'inherit', env }).status === 0;
}

const smoke = prepareSmoke(join(root, 'target/platforms/artifact', target.name));
let isGood = succeeds(join(smoke, '..'), smoke);
const skip = target.libc === 'musl' ? skippedInMusl : [];
for (const { file, reason } of skip) console.log(`skipped: ${file}: ${reason}`);
const excluded = skip.map(({ file }) => `--exclude=${file}`);
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
isGood = succeeds(root, vitest, 'run', '--typecheck.enabled=false', ...excluded) && isGood;
process.exitCode = isGood ? 0 : 1;
