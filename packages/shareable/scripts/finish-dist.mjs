// Writes the ES modules that pass the exports of the CommonJS files on. Removes the declarations of internal modules, those that
// the public ones never import, and the source maps of the command line, which no program loads.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const folder = join(import.meta.dirname, '..');
const dist = join(folder, 'dist');
const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const entries = Object.values(exports).filter((entry) => typeof entry === 'object');

for (const { import: module, require: core } of entries) {
  const text = readFileSync(join(folder, core.default), 'utf8');
  const names = [...text.matchAll(/^exports\.(\w+) = /gm)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`${core.default} exports nothing`);
  const from = `./${basename(core.default)}`;
  // The bundler has made that of `shareable/arrow`, which imports apache-arrow by itself.
  if (!existsSync(join(folder, module.default)))
    writeFileSync(join(folder, module.default), `export {\n\t${names.join(',\n\t')},\n} from '${from}';\n`);
  writeFileSync(join(folder, module.types), `export * from '${from}';\n`);
}

const reached = new Set(entries.map((entry) => entry.require.types.replace('./dist/', '')));
for (const file of reached) {
  const imports = readFileSync(join(dist, file), 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g);
  for (const [, specifier] of imports) reached.add(`${join(dirname(file), specifier)}.d.ts`.replaceAll('\\', '/'));
}
for (const file of readdirSync(dist, { recursive: true }).filter((name) => /\.d\.ts(?:\.map)?$/.test(name))) {
  if (!reached.has(file.replaceAll('\\', '/').replace(/\.map$/, ''))) rmSync(join(dist, file));
}

const cli = join(dist, 'cli');
for (const file of readdirSync(cli)) {
  const path = join(cli, file);
  if (file.endsWith('.map')) rmSync(path);
  else writeFileSync(path, readFileSync(path, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n'));
}
