/** docs/observability.md has every channel with the fields of its messages. */
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The fields of each message type, with those that it inherits. */
function fieldsOf(source: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, name = '', base, body = ''] of source.matchAll(
    /^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}/gms,
  )) {
    const own = [...body.matchAll(/^ {2}readonly (\w+):/gm)].map(([, field = '']) => field);
    found.set(name, [...(found.get(base ?? '') ?? []), ...own]);
  }
  return found;
}

test('docs/observability.md names every channel and the fields of its messages', () => {
  const source = read('packages/shareable/src/diagnostics/messages.ts');
  const fields = fieldsOf(source);
  const types = [...source.matchAll(/^ {2}'(shareable:[\w:-]+)': (\w+);$/gm)];
  expect(types.length).toBeGreaterThan(10);
  const rows = [...read('docs/observability.md').matchAll(/^\| `(shareable:[\w:-]+)` +\|.*\| (.*?) +\|$/gm)];
  expect(rows.map(([, channel]) => channel)).toEqual(types.map(([, channel]) => channel));
  let before: string[] = [];
  for (const [index, [, , text = '']] of rows.entries()) {
    const named = [...text.matchAll(/`(\w+)`/g)].map(([, field = '']) => field);
    const documented = text.startsWith('the same') ? [...before, ...named] : named;
    expect(documented).toEqual(fields.get(types[index]?.[2] ?? ''));
    before = documented;
  }
});
