/**
 * Tests the rules of macOS on Linux: the addon and the helper with the feature `macos-rules`, which has the code for macOS over
 * a simulation of its kernel's calls. It runs the parts of the suite that look at what those rules change.
 */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { cache, root, run } from '../../../scripts/targets/commands.ts';
import { finish, report } from './support/report.ts';
import { runVitest } from './support/vitest.ts';

const how = 'on Linux, over a simulation of the calls to its kernel';
const files = ['test/tracker/sweep.test.ts', 'test/cli/'];

/** Builds both into a folder, and returns the environment by which the package finds them. */
function build(): NodeJS.ProcessEnv {
  const folder = join(cache, 'cargo/macos-rules');
  const crates = ['core', 'binding', 'helper'].map((name) => `--package=shareable-${name}`);
  run('cargo', ['build', '--locked', `--target-dir=${folder}`, '--features=shareable-core/macos-rules', ...crates]);
  const output = join(cache, 'built/macos-rules');
  mkdirSync(output, { recursive: true });
  const env = {
    SHAREABLE_TEST_RULES: 'darwin',
    SHAREABLE_ADDON: join(output, 'shareable.macos-rules.node'),
    SHAREABLE_HELPER: join(output, 'shareable-helper'),
  };
  copyFileSync(join(folder, 'debug/libshareable_binding.so'), env.SHAREABLE_ADDON);
  copyFileSync(join(folder, 'debug/shareable-helper'), env.SHAREABLE_HELPER);
  return env;
}

const result = await report('darwin rules', how, async (built) => {
  const env = build();
  built(undefined);
  const sandbox = { env };
  try {
    return await runVitest({
      folder: root,
      node: process.execPath,
      sandbox,
      only: files,
      skip: [],
      patience: 120_000,
      limit: 1_200_000,
    });
  } finally {
    // The folder is this repository and not a copy.
    rmSync(join(root, 'results.json'), { force: true });
  }
});
finish([result]);
