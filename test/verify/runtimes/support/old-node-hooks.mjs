/** Module hooks for Nodes that know neither types nor `using`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');

/** Finds what translated code needs, which no other folder has. */
export async function resolve(specifier, context, next) {
  const isHelper = specifier.startsWith('@oxc-project/runtime/');
  return next(specifier, isHelper ? { ...context, parentURL: import.meta.url } : context);
}

/** Takes a TypeScript file's text from the mirror; a test's own is translated here. */
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  const mirrored = join(process.env.SHAREABLE_TEST_MIRROR, relative(root, path));
  const source = existsSync(mirrored) ? readFileSync(mirrored, 'utf8') : await translate(path);
  return { format: 'module', source, shortCircuit: true };
}

async function translate(path) {
  const { transformSync } = await import('rolldown/utils');
  return transformSync(path, readFileSync(path, 'utf8'), { target: 'es2022' }).code;
}
