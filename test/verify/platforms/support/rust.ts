/** Builds the tests of the core and the helper for a target, and runs them in a sandbox. */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

import type { Cargo } from '../../../../scripts/targets/cargo.ts';
import { cache, root } from '../../../../scripts/targets/commands.ts';
import type { Counts, Skip } from './report.ts';
import { sum } from './report.ts';
import type { Sandbox } from './sandbox.ts';
import { runIn } from './sandbox.ts';

interface Artifact {
  reason: string;
  executable: string | null;
  manifest_path: string;
  target: { name: string };
  profile: { test: boolean };
}

/** A test executable, and the folder that it runs in. */
interface Executable {
  name: string;
  path: string;
  folder: string;
}

/** Builds the tests, without optimization, as `cargo test` does. */
function buildTests({ program, args, env }: Cargo, settings: readonly string[]): Executable[] {
  const flags = ['--no-run', '--locked', '--message-format=json', `--target-dir=${join(cache, 'cargo/tests')}`];
  const packages = ['--package=shareable-core', '--package=shareable-helper'];
  const lines = execFileSync(program, ['test', ...flags, ...packages, ...args, ...settings], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 2],
    env: { ...process.env, ...env },
  });
  return lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Artifact)
    .filter((artifact) => artifact.reason === 'compiler-artifact' && artifact.profile.test)
    .flatMap(({ executable, target, manifest_path: manifest }) =>
      executable === null ? [] : [{ name: target.name, path: executable, folder: dirname(manifest) }],
    );
}

/** Runs one executable. libtest prints one line per test. */
async function runOne({ name, path, folder }: Executable, sandbox: Sandbox, skip: readonly Skip[]): Promise<Counts> {
  const names = skip.flatMap((skipped) => (skipped.name === undefined ? [] : ['--skip', skipped.name]));
  const { code, output } = await runIn(sandbox, folder, [path, ...names], 900_000);
  console.error(`== ${name}\n${output}`);
  const of = (outcome: string) =>
    [...output.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (\w+)/gm)].filter((line) => line[2] === outcome);
  const counts: Counts = {
    passed: of('ok').length,
    failures: of('FAILED').map((line) => `${name}: ${line[1]}`),
    skipped: of('ignored').map((line) => ({ name: `${name}: ${line[1]}`, reason: 'ignored by the suite itself' })),
  };
  if (code !== 0 && counts.failures.length === 0) counts.failures.push(`${name} ended with ${code}`);
  return counts;
}

/** Builds and runs them all. */
export async function runRustTests(
  made: Cargo,
  settings: readonly string[],
  sandbox: Sandbox,
  skip: readonly Skip[] = [],
): Promise<Counts> {
  const all: Counts[] = [{ passed: 0, failures: [], skipped: [...skip] }];
  for (const executable of buildTests(made, settings)) all.push(await runOne(executable, sandbox, skip));
  return sum(all);
}
