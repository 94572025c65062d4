/**
 * Tests Windows x64, built with the GNU linker and run under Wine. That tests logic and ABI, but not the kernel of Windows. It
 * runs the tests of the core, and the package's suite by Vitest on Windows' Node.
 *
 *   node test/verify/platforms/windows.ts [filter of Vitest …]
 *
 * With filters, it runs only those files of the suite, and no tests of the core.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';

import { buildCoreTests, buildPackage } from './windows/build.ts';
import { runCoreTests } from './windows/core.ts';
import { stage } from './windows/stage.ts';
import { runSuite } from './windows/suite.ts';
import type { Counts } from './windows/types.ts';
import { prepareWine } from './windows/wine.ts';

const start = performance.now();
const filters = process.argv.slice(2);
const report = {
  target: 'win32-x64',
  how: 'cross-built for x86_64-pc-windows-gnu, run by Node 24 for Windows under Wine 10',
  built: false,
  passed: 0,
  failed: 0,
  skipped: [] as Counts['skipped'],
  failures: [] as string[],
  sizes: { addon: 0, helper: 0 },
  seconds: 0,
};

function add({ passed, failures, skipped }: Counts): void {
  report.passed += passed;
  report.failed += failures.length;
  report.failures.push(...failures);
  report.skipped.push(...skipped);
}

try {
  const { addon, helper } = buildPackage();
  const tests = filters.length === 0 ? buildCoreTests() : [];
  report.built = true;
  report.sizes = { addon: statSync(addon).size, helper: statSync(helper).size };
  const wine = prepareWine();
  try {
    const folder = stage(wine, addon, helper);
    for (const test of tests) add(runCoreTests(wine, test));
    add(runSuite(wine, folder, filters));
  } finally {
    wine.end();
  }
} catch (thrown) {
  report.failed += 1;
  report.failures.push(String(thrown));
}
report.seconds = Math.round((performance.now() - start) / 1000);

const kibibytes = (bytes: number) => `${Math.ceil(bytes / 1024)} KiB`;
const { target, how, built, passed, failed, skipped, failures, sizes, seconds } = report;
console.log(`\n${target}: ${built ? how : 'not built'}`);
console.log(`addon ${kibibytes(sizes.addon)}, helper ${kibibytes(sizes.helper)}`);
for (const { file, name, reason } of skipped) {
  console.log(`skipped ${[file, name].filter((part) => part !== undefined).join(' > ')}: ${reason}`);
}
for (const failure of failures) console.log(`failed ${failure}`);
console.log(
  `${passed} passed, ${failed} failed, ${skipped.length} skipped, ${seconds} s; see ${join('target', 'platforms')}`,
);
console.log(JSON.stringify(report));
process.exitCode = failed > 0 || !built ? 1 : 0;
