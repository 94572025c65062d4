/** Runs the tests of the core under Wine. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TestProgram } from './build.ts';
import { skippedCoreTests } from './skips.ts';
import type { Counts } from './types.ts';
import type { Wine } from './wine.ts';

/** Seconds. */
const LIMIT = 900;

/** Runs one test program, which prints one line per test. */
export function runCoreTests(wine: Wine, { name, path }: TestProgram): Counts {
  const file = `${name}.exe`;
  copyFileSync(path, join(wine.folder, file));
  const skips = skippedCoreTests.filter((skip) => skip.file === undefined || skip.file === name);
  const names = skips.flatMap((skip) => (skip.name === undefined ? [] : ['--skip', skip.name]));
  const { code, output } = wine.run(file, ['--test-threads=2', ...names], { cwd: '.', limit: LIMIT });
  const of = (outcome: string) =>
    [...output.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (\w+)/gm)].flatMap((line) =>
      line[2] === outcome ? [`${name}: ${line[1]}`] : [],
    );
  const counts: Counts = { passed: of('ok').length, failures: of('FAILED'), skipped: [] };
  for (const test of of('ignored')) counts.skipped.push({ name: test, reason: 'the suite itself ignores it here' });
  for (const skip of skips) counts.skipped.push({ ...skip, name: `${name}: ${skip.name}` });
  if (code !== 0 && counts.failures.length === 0) counts.failures.push(`${name} ended with ${code}`);
  if (counts.failures.length > 0) console.error(`== ${name}\n${output.slice(-20_000)}`);
  console.log(`core, ${name}: ${counts.passed} passed, ${counts.failures.length} failed`);
  return counts;
}
