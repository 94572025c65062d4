/**
 * Tests every platform that this machine can run, emulate or only check, and prints one table. The scripts run one after the
 * other, because each uses all processors.
 *
 *   node test/verify/platforms/all.ts [windows] [arm64] [musl] [portable] [macos] [check]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import type { Report } from './support/report.ts';
import { printTable } from './support/table.ts';

const scripts = ['check', 'macos', 'portable', 'musl', 'arm64', 'windows'];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !scripts.includes(name));
if (unknown.length > 0) {
  console.error(`no such platform: ${unknown.join(', ')}; there are: ${scripts.join(', ')}`);
  process.exit(2);
}

/** Makes the report of a script that failed before its report. */
function failure(name: string, why: string): Report {
  return {
    target: name,
    how: 'not known',
    built: false,
    passed: 0,
    failed: 1,
    skipped: [],
    seconds: 0,
    failures: [why],
  };
}

/** Runs a script. Its messages go to standard error. */
async function run(name: string): Promise<Report[]> {
  const script = join(import.meta.dirname, `${name}.ts`);
  if (!existsSync(script)) return [failure(name, 'there is no such script')];
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]);
  let reports: Report[];
  try {
    const last = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Report | Report[];
    reports = Array.isArray(last) ? last : [last];
  } catch {
    return [failure(name, `it ended with ${code} and no report`)];
  }
  const isBad = reports.some(({ built, failed }) => failed > 0 || !built);
  if (code !== 0 && !isBad) reports.push(failure(name, `it ended with ${code} and reported no failure`));
  return reports;
}

const reports: Report[] = [];
for (const name of scripts) {
  if (wanted.length === 0 || wanted.includes(name)) reports.push(...(await run(name)));
}
printTable(reports);
if (reports.length === 0 || reports.some(({ built, failed }) => failed > 0 || !built)) process.exitCode = 1;
