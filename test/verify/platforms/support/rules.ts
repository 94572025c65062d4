/** Runs the package's suite on Linux by an addon and a helper whose core has the rules of another platform. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { cache, root, run } from '../../../../scripts/targets/commands.ts';
import { explain } from './reasons.ts';
import { finish, report } from './report.ts';
import { runVitest } from './vitest.ts';

/** Other rules than those of Linux. */
export interface Rules {
  target: string;
  /** What the core runs on. */
  how: string;
  /** The feature of the core that has them. */
  feature: string;
  /** The value of `SHAREABLE_TEST_RULES`, by which `test/support/platform.ts` knows what the core can do. */
  name: 'darwin' | 'portable';
}

/** The factor for all time limits: these builds are hardly optimized. */
const SLOWNESS = 4;

/** For the whole suite, in milliseconds. */
const LIMIT = 3_600_000;

/** Builds addon and helper into a folder, and returns the environment by which the package finds them. */
function build({ feature, name }: Rules): NodeJS.ProcessEnv {
  const folder = join(cache, 'cargo', feature);
  const crates = ['core', 'binding', 'helper'].map((crate) => `--package=shareable-${crate}`);
  // With the assertions of a development build, but several times as fast as one.
  const env = { CARGO_PROFILE_DEV_OPT_LEVEL: '1' };
  run('cargo', ['build', '--locked', `--target-dir=${folder}`, `--features=shareable-core/${feature}`, ...crates], env);
  const output = join(cache, 'built', feature);
  mkdirSync(output, { recursive: true });
  const addon = join(output, `shareable.${feature}.node`);
  const helper = join(output, 'shareable-helper');
  for (const [made, place] of [
    ['libshareable_binding.so', addon],
    ['shareable-helper', helper],
  ] as const) {
    // A file that a process runs cannot be written to, but replaced.
    rmSync(place, { force: true });
    copyFileSync(join(folder, 'debug', made), place);
  }
  return { SHAREABLE_TEST_RULES: name, SHAREABLE_ADDON: addon, SHAREABLE_HELPER: helper };
}

/** Runs the files of the suite that match the filters of Vitest, or all, and prints the report. */
export async function testRules(rules: Rules, filters: readonly string[]): Promise<void> {
  const result = await report(rules.target, rules.how, async (built) => {
    const env = build(rules);
    built(undefined);
    // They read the environment when they are loaded.
    process.env['SHAREABLE_TEST_RULES'] = rules.name;
    const { missingSuites } = await import('../../../support/suites.ts');
    const missing = missingSuites().map(({ folder, needs }) => ({ file: folder, reason: `needs ${needs}` }));
    const { platform } = await import('../../../support/platform.ts');
    try {
      const counts = await runVitest({
        folder: root,
        node: process.execPath,
        sandbox: { env },
        only: filters,
        skip: [],
        patience: 30_000 * SLOWNESS,
        limit: LIMIT,
      });
      return { ...counts, skipped: [...missing, ...explain(counts.skipped, platform)] };
    } finally {
      // The folder is this repository and not a copy.
      rmSync(join(root, 'results.json'), { force: true });
    }
  });
  finish([result]);
}
