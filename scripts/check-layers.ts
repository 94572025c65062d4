/**
 * Checks that dependencies point down: packages → binding → core → sys → vocabulary. Prints one line per violation and
 * exits with 1 when there is one. The first argument is the folder to check; the default is this repository.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = process.argv[2] ?? join(import.meta.dirname, '..');

/** The modules of the core, from the bottom up. A module may name modules of the layers below its own, and itself. */
const CORE: readonly (readonly string[])[] = [
  ['error', 'identity', 'page', 'bytes', 'extent', 'mutants', 'mutex'],
  ['ownership'],
  ['mark', 'ledger'],
  ['name', 'trailer'],
  ['sys'],
  ['mapping', 'process', 'limits', 'layout'],
  ['tracker'],
  ['held', 'keeper'],
  ['segment'],
  ['stale', 'list_view', 'draft'],
  ['list', 'array', 'lock', 'manager'],
  ['channel', 'gate'],
];

/** The folders of `sys`, in the same order. `process` is below `transport` because a server is a helper process. */
const SYS: readonly (readonly string[])[] = [
  ['limits', 'birth', 'ledger', 'own', 'access_list'],
  ['memory'],
  ['sweep', 'seat', 'process'],
  ['transport'],
];

/** The crates that call the operating system. Only `sys` uses them. */
const SYSTEM_CRATES = ['libc', 'memmap2', 'mio', 'page_size', 'rustix', 'shared_memory', 'windows_sys'];

/** What only the TypeScript API has: the core returns facts, and `errors.ts` words the advice. */
const API_WORDS = /readOnly|allowForeign|\bSharedMemory(?:Manager)?\b/;

const violations: string[] = [];

function sources(folder: string): { file: string; place: string; text: string }[] {
  return globSync('**/*.rs', { cwd: join(root, folder) }).map((file) => ({
    file: relative(root, join(root, folder, file)),
    place: file,
    text: readFileSync(join(root, folder, file), 'utf8'),
  }));
}

/** The code without comments. Strings stay: an error text is what a user reads. */
function code(text: string): string {
  return text.replaceAll(/(?<![:"'])\/\/.*$/gm, '');
}

/** The paths that a `use` declaration names, with its braces written out. */
function expand(tree: string): string[] {
  const open = tree.indexOf('{');
  if (open < 0) return [tree.trim()];
  const prefix = tree.slice(0, open).trim();
  const parts: string[] = [''];
  let depth = 0;
  for (const c of tree.slice(open + 1, tree.lastIndexOf('}'))) {
    if (c === '{') depth++;
    if (c === '}') depth--;
    if (c === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${c}`);
  }
  return parts
    .flatMap((part) => expand(part))
    .filter((part) => part !== '')
    .map((part) => prefix + part);
}

/** Every path below `start::` that the code names. */
function named(text: string, start: string): string[] {
  const uses = [...text.matchAll(new RegExp(`\\buse ${start}::([^;]+);`, 'g'))].flatMap(([, tree = '']) =>
    expand(tree),
  );
  const rest = text.replaceAll(/\buse [^;]+;/g, '');
  const inline = [...rest.matchAll(new RegExp(`\\b${start}::(\\w+(?:::\\w+)*)`, 'g'))].map(([, path = '']) => path);
  return [...uses, ...inline];
}

function layerOf(layers: readonly (readonly string[])[], module: string): number {
  return layers.findIndex((layer) => layer.includes(module));
}

function checkLayers(
  layers: readonly (readonly string[])[],
  folder: string,
  start: string,
  exported: ReadonlyMap<string, string>,
): void {
  for (const { file, place, text } of sources(folder)) {
    const module = place.split('/')[0]?.replace(/\.rs$/, '') ?? '';
    if (module === 'lib' || (start === 'crate::sys' && module === 'mod')) continue;
    const own = layerOf(layers, module);
    if (own < 0) {
      violations.push(`${file}: the module ${module} is in no layer; add it to scripts/check-layers.ts`);
      continue;
    }
    for (const path of named(code(text), start)) {
      const first = path.split('::')[0]?.split(' ')[0] ?? '';
      const target = layerOf(layers, first) < 0 ? exported.get(first) : first;
      if (target === undefined || target === module) continue;
      if (layerOf(layers, target) >= own)
        violations.push(`${file}: ${module} must not name ${target} (${start}::${path})`);
    }
  }
}

/** Which module each name comes from that the root of a crate or of a module re-exports. */
function reExports(file: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const [, module = '', tree = ''] of code(readFileSync(join(root, file), 'utf8')).matchAll(
    /pub(?:\([^)]*\))? use (\w+)::([^;]+);/g,
  )) {
    for (const path of expand(tree)) names.set(path.split(/::| as /).at(-1) ?? path, module);
  }
  return names;
}

checkLayers(CORE, 'crates/core/src', 'crate', reExports('crates/core/src/lib.rs'));
checkLayers(SYS, 'crates/core/src/sys', 'crate::sys', reExports('crates/core/src/sys/mod.rs'));

const system = new RegExp(`\\b(${SYSTEM_CRATES.join('|')})::`);
for (const folder of ['crates/core/src', 'crates/helper/src', 'crates/binding/src']) {
  for (const { file, text } of sources(folder)) {
    const plain = code(text);
    const call = system.exec(plain);
    if (call !== null && !file.startsWith(join('crates/core/src/sys/'))) {
      violations.push(`${file}: only crates/core/src/sys may use ${call[1]}`);
    }
    const word = folder === 'crates/binding/src' ? null : API_WORDS.exec(plain);
    if (word !== null) violations.push(`${file}: the core must not mention the TypeScript API (${word[0]})`);
  }
}

for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exitCode = 1;
else console.log('all dependencies point down');
