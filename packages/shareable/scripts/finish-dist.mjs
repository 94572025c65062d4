// Formats the compiled JavaScript like the sources, but with tabs, which makes the package a tenth smaller; and removes the
// declarations of internal modules: those that the public ones never import.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { format } from 'oxfmt';

const dist = join(import.meta.dirname, '../dist');
const files = readdirSync(dist, { recursive: true });
for (const file of files.filter((name) => name.endsWith('.js'))) {
  const path = join(dist, file);
  const options = { useTabs: true, printWidth: 120, singleQuote: true };
  const { code, errors } = await format(file, readFileSync(path, 'utf8'), options);
  if (errors.length > 0) throw new Error(`${file} cannot be formatted: ${errors[0].message}`);
  writeFileSync(path, code);
}

const { exports } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8'));
const entries = Object.values(exports).flatMap(({ types }) => types ?? []);
const reached = new Set(entries.map((path) => path.replace('./dist/', '')));
for (const file of reached) {
  const imports = readFileSync(join(dist, file), 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g);
  for (const [, specifier] of imports) reached.add(`${join(dirname(file), specifier)}.d.ts`.replaceAll('\\', '/'));
}
for (const file of files.filter((name) => name.endsWith('.d.ts'))) {
  if (!reached.has(file.replaceAll('\\', '/'))) rmSync(join(dist, file));
}
