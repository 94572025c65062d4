/** Runs the package's suite by a Node of another platform in a copy of the repository. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

import type { Counts, Skip } from './report.ts';
import type { Sandbox } from './sandbox.ts';
import { runIn } from './sandbox.ts';

interface Result {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[]; location?: { line: number } }[];
  }[];
}

/** How the suite is run. */
export interface Suite {
  folder: string;
  node: string;
  sandbox: Sandbox;
  /** The files and folders to run. Default: all. */
  only?: readonly string[];
  /** Files that are left out, and tests by their full names; each with its reason. */
  skip: readonly Skip[];
  /** The time limit of one test in milliseconds, longer than usual. */
  patience: number;
  /** The time limit of the whole suite. */
  limit: number;
}

const escaped = (name: string) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Runs the suite. Tests that skip themselves count as skipped. */
export async function runVitest({ folder, node, sandbox, only = [], skip, patience, limit }: Suite): Promise<Counts> {
  const results = join(folder, 'results.json');
  rmSync(results, { force: true });
  const names = skip.flatMap(({ name }) => (name === undefined ? [] : [escaped(name)]));
  const flags = [
    '--reporter=json',
    '--reporter=dot',
    `--outputFile.json=${results}`,
    `--testTimeout=${patience}`,
    `--hookTimeout=${patience}`,
    '--typecheck.enabled=false',
    '--includeTaskLocation',
    ...skip.flatMap(({ file, name }) => (file === undefined || name !== undefined ? [] : [`--exclude=${file}`])),
    ...(names.length === 0 ? [] : [`--testNamePattern=^(?!(?:${names.join('|')})$)`]),
  ];
  const env = {
    ...sandbox.env,
    SHAREABLE_TEST_PATIENCE: String(patience / 30_000),
    PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`,
  };
  const command = [node, join(folder, 'node_modules/vitest/vitest.mjs'), 'run', ...only, ...flags];
  const { code, output } = await runIn({ ...sandbox, env }, folder, command, limit);
  console.error(output.slice(-200_000));
  if (!existsSync(results))
    return { passed: 0, failures: [`vitest gave no results and ended with ${code}`], skipped: [] };
  const counts = count(JSON.parse(readFileSync(results, 'utf8')) as Result, folder, skip);
  if (code !== 0 && counts.failures.length === 0) counts.failures.push(`vitest ended with ${code}`);
  return counts;
}

function count({ testResults }: Result, folder: string, skip: readonly Skip[]): Counts {
  const counts: Counts = { passed: 0, failures: [], skipped: [...skip] };
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(folder, name);
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
      counts.failures.push(`${file}: ${message.split('\n')[0]}`);
    }
    for (const { fullName, status: outcome, location } of assertionResults) {
      if (outcome === 'passed') counts.passed += 1;
      else if (outcome === 'failed') counts.failures.push(`${file}: ${fullName}`);
      else if (!skip.some((skipped) => skipped.name === fullName)) {
        counts.skipped.push({
          file,
          name: fullName,
          ...(location === undefined ? {} : { line: location.line }),
          reason: 'the suite skips it by itself where what it needs is absent',
        });
      }
    }
  }
  return counts;
}
