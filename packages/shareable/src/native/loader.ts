/** Finds and loads the addon of this platform, and finds the helper executable that comes with it. */
import { accessSync, chmodSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { SharedMemoryError } from '../errors.js';
import { explainAbsence, explainFailure } from './load-failure.js';

const require = createRequire(import.meta.url);

/** Whether this process runs on musl and not on glibc. Looks at the mappings, or at the report, which takes longer. */
function isOnMusl(): boolean {
  try {
    const maps = readFileSync('/proc/self/maps', 'latin1');
    if (/\/libc(?:\.so\.6|-2[.\d]*\.so)$/m.test(maps)) return false;
    // On Alpine, the loader is the library too. Elsewhere the library has its plain name.
    if (/\/(?:ld-musl-\S+|libc\.musl-\S+|libc\.so)$/m.test(maps)) return true;
  } catch {
    // There is no /proc.
  }
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report !== undefined && report.header?.glibcVersionRuntime === undefined;
}

/** Returns the name of this platform in the names of packages and addons, such as `linux-x64-gnu`. */
function platformName(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  if (process.platform !== 'linux') return base;
  return `${base}-${isOnMusl() ? 'musl' : 'gnu'}`;
}

/** Resolves `id` if it is installed. Every runtime and package manager has its own error for what is not. */
function resolve(id: string): string | undefined {
  try {
    return require.resolve(id);
  } catch {
    return undefined;
  }
}

/**
 * Loads the addon: the one that `SHAREABLE_ADDON` names, a local build, or the one in the platform's package.
 *
 * @throws {SharedMemoryError} `ERR_SHM_ADDON` when it is missing or does not load, with the reason and what to do
 */
export function loadAddon(): { addon: unknown; path: string } {
  const name = platformName();
  const override = process.env['SHAREABLE_ADDON'];
  const local = fileURLToPath(new URL(`../../native/shareable.${name}.node`, import.meta.url));
  const path = override ?? (existsSync(local) ? local : resolve(`@shareable/${name}`));
  if (path === undefined) {
    const isInstalled = (other: string) => resolve(`@shareable/${other}/package.json`) !== undefined;
    throw new SharedMemoryError(explainAbsence(name, isInstalled), { code: 'ERR_SHM_ADDON' });
  }
  try {
    return { addon: require(path), path };
  } catch (cause) {
    throw new SharedMemoryError(explainFailure(name, path, override !== undefined, cause), {
      code: 'ERR_SHM_ADDON',
      cause,
    });
  }
}

/** Returns the path of the helper executable: what `SHAREABLE_HELPER` names, or the one beside the addon. */
export function findHelper(addonPath: string): string {
  const name = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
  const path = process.env['SHAREABLE_HELPER'] ?? join(dirname(addonPath), name);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    // Some installers drop the mode. If it cannot be set, or the file is missing, starting it fails with the reason.
    try {
      chmodSync(path, 0o755);
    } catch {}
  }
  return path;
}
