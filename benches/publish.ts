/**
 * Draws the plots and fills in the figures of the documentation from `docs/bench/results.json`: `node publish.ts`. A page
 * marks the place of a table by `<!-- bench: goals -->` or `<!-- bench: OPERATION -->`, up to `<!-- /bench -->`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { drawAll } from './plots/draw.ts';
import { facts } from './harness/facts.ts';
import { goalTable, operationTable } from './harness/report.ts';
import type { Report } from './harness/report.ts';

export const resultsFile = new URL('../docs/bench/results.json', import.meta.url);
const PAGES = ['../docs/performance.md', '../README.md', '../docs/index.md', 'GOALS.md'];
const BLOCK = /(<!-- bench: ([\w-]+) -->\n).*?(<!-- \/bench -->)/gs;

export function publish(report: Report): void {
  for (const [file, svg] of drawAll(report)) writeFileSync(new URL(file, resultsFile), svg);
  for (const page of PAGES) {
    const file = new URL(page, import.meta.url);
    const text = readFileSync(file, 'utf8');
    const block = (name: string): string => {
      if (name === 'goals') return goalTable(report);
      return facts[name]?.(report) ?? operationTable(report, name);
    };
    const filled = text.replace(BLOCK, (_, start: string, name: string, end: string) =>
      [start, '\n', block(name), '\n\n', end].join(''),
    );
    if (filled !== text) writeFileSync(file, filled);
  }
  const written = [resultsFile, ...PAGES.map((page) => new URL(page, import.meta.url))].map((url) =>
    fileURLToPath(url),
  );
  execFileSync(fileURLToPath(new URL('../node_modules/.bin/oxfmt', import.meta.url)), written, { stdio: 'pipe' });
}

if (import.meta.main) publish(JSON.parse(readFileSync(resultsFile, 'utf8')) as Report);
