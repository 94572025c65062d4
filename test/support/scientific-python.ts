/** A CPython with NumPy and pyarrow: a virtual environment in the project's cache, made by the first test that needs it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Python } from './python.ts';

const run = promisify(execFile);

/** What is installed, and the first minor version of CPython that has wheels of it. */
const PACKAGES = ['numpy==2.4.6', 'pyarrow==26.0.1'];
const OLDEST_MINOR = 11;

const cache = join(import.meta.dirname, '../../node_modules/.cache/shareable');

/** The interpreter, from the newest of `pythons` that has the packages. Two minutes may pass when it is made. */
export async function scientificPython(pythons: readonly Python[]): Promise<Python> {
  const base = pythons.findLast(({ minor }) => minor >= OLDEST_MINOR && minor <= 13);
  if (base === undefined) throw new Error(`NumPy and pyarrow need CPython 3.${OLDEST_MINOR} to 3.13 on this machine`);
  const folder = join(cache, `python-${base.version}-${PACKAGES.join('-').replaceAll('=', '')}`);
  const python = { ...base, path: join(folder, 'bin', 'python') };
  if (existsSync(folder)) return python;
  // Renamed into place when it is complete, because two test files may do this at once.
  const draft = `${folder}.${process.pid}`;
  mkdirSync(cache, { recursive: true });
  await run(base.path, ['-m', 'venv', draft]);
  await run(join(draft, 'bin', 'python'), [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    ...PACKAGES,
  ]);
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return python;
}
