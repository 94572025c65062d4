/** Finds out why the suite has skipped tests: by the conditions in the source of each test and of the groups that it is in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../../../../scripts/targets/commands.ts';
import type { Skip } from './report.ts';

/** What a platform can do, by the names in `test/support/platform.ts`. */
type Capabilities = Readonly<Record<string, boolean>>;

const DECLARATION = /^(?:test|describe)\b/;
const CONDITION = /\.(skipIf|runIf)\((.+?)\)(?=\(|\.each|\.for|$)/;

/** How far a line is indented. The formatter keeps what belongs to a group further to the right than the group. */
function depthOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** The conditions of the test that is declared at a line, counted from 1, and of the groups around it: the outermost first. */
function conditionsOf(lines: readonly string[], line: number): string[] {
  const conditions: string[] = [];
  let depth = depthOf(lines[line - 1] ?? '') + 1;
  for (let at = line - 1; at >= 0; at--) {
    const text = lines[at] ?? '';
    if (text.trim() === '' || depthOf(text) >= depth || !DECLARATION.test(text.trimStart())) continue;
    depth = depthOf(text);
    // The formatter breaks a long chain of calls before its first one.
    const declaration = /^\s*\w+$/.test(text) ? `${text}${(lines[at + 1] ?? '').trim()}` : text;
    const condition = CONDITION.exec(declaration)?.[2];
    if (condition !== undefined) conditions.unshift(condition);
  }
  return conditions;
}

/** The capability that is missing, or the first condition as it is written. */
function reasonOf(conditions: readonly string[], capabilities: Capabilities): string {
  const named = conditions.flatMap((condition) =>
    [...condition.matchAll(/platform\.(\w+)/g)].map(([, name = '']) => name),
  );
  const missing = named.find((name) => capabilities[name] === false);
  if (missing !== undefined) return `needs ${missing}`;
  return conditions.length === 0 ? 'is skipped by its own code' : `has the condition ${conditions[0]}`;
}

/** Gives each skipped test its reason. */
export function explain(skipped: readonly Skip[], capabilities: Capabilities): Skip[] {
  const sources = new Map<string, string[]>();
  return skipped.map((skip) => {
    const { file, line } = skip;
    if (file === undefined || line === undefined) return skip;
    const lines = sources.get(file) ?? readFileSync(join(root, file), 'utf8').split('\n');
    sources.set(file, lines);
    return { ...skip, reason: reasonOf(conditionsOf(lines, line), capabilities) };
  });
}
