/** The package's own suite, by Vitest on Windows' Node. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { missingSuites } from '../../../support/suites.ts';
import type { Counts } from './types.ts';
import type { Wine } from './wine.ts';

/** Where `stage.ts` puts CPython. */
const PYTHON = 'Z:\\w\\python';

/** Seconds for the whole suite. */
const LIMIT = 3600;

/** The factor for all time limits, because everything takes longer under Wine. */
const SLOWNESS = 8;

interface Result {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { ancestorTitles: string[]; title: string; status: string; failureMessages: string[] }[];
  }[];
}

/** Runs the files that match the filters, or all. */
export function runSuite(wine: Wine, folder: string, filters: readonly string[]): Counts {
  const results = join(wine.folder, folder, 'results.json');
  const flags = [
    '--reporter=dot',
    '--reporter=json',
    '--outputFile.json=results.json',
    `--testTimeout=${30_000 * SLOWNESS}`,
    `--hookTimeout=${30_000 * SLOWNESS}`,
    // Types are the same everywhere.
    '--typecheck.enabled=false',
    '--no-color',
  ];
  const env = { SHAREABLE_TEST_PATIENCE: String(SLOWNESS), SHAREABLE_TEST_WINE: 'yes', CI: '1', WINEPATH: PYTHON };
  const { code, output } = wine.run('node.exe', ['node_modules/vitest/vitest.mjs', 'run', ...flags, ...filters], {
    cwd: folder,
    limit: LIMIT,
    env,
  });
  if (!existsSync(results)) {
    console.error(output.slice(-20_000));
    return { passed: 0, failures: [`Vitest gave no results and ended with ${code}`], skipped: [] };
  }
  const counts = count(JSON.parse(readFileSync(results, 'utf8')) as Result);
  if (code !== 0 && counts.failures.length === 0) {
    counts.failures.push(`Vitest ended with ${code}: ${output.slice(-2000)}`);
  }
  console.log(`suite: ${counts.passed} passed, ${counts.failures.length} failed, ${counts.skipped.length} skipped`);
  return counts;
}

function count({ testResults }: Result): Counts {
  const counts: Counts = {
    passed: 0,
    failures: [],
    skipped: missingSuites(false, true).map(({ folder, needs }) => ({
      file: folder,
      reason: `needs ${needs}`,
    })),
  };
  for (const { name, status, message, assertionResults } of testResults) {
    const file = name.replaceAll('\\', '/').replace(/^.*?\/suite\//, '');
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
      counts.failures.push(`${file}: ${message.slice(0, 500)}`);
    }
    for (const { ancestorTitles, title, status: outcome, failureMessages } of assertionResults) {
      const test = [...ancestorTitles, title].join(' > ');
      if (outcome === 'passed') counts.passed += 1;
      else if (outcome === 'failed')
        counts.failures.push(`${file} > ${test}: ${(failureMessages[0] ?? '').slice(0, 300)}`);
      else counts.skipped.push({ file, name: test, reason: 'it declares a need that this platform does not meet' });
    }
  }
  return counts;
}
