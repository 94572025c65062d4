/** Finds and loads the addon of this platform, and finds the helper executable that comes with it. */
import { accessSync, chmodSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

import { SharedMemoryError } from '../errors.js';
import { version } from '../manifest.js';
import { AGAIN, explainAbsence, explainBundle, explainFailure } from './load-failure.js';
import { ownFile, ownPackage } from './own-file.js';
import type { Binaries } from './platform-packages.js';
import { requirePlatformPackage } from './platform-packages.js';

const helperName = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';

/** Whether this process runs on musl and not on glibc. Looks at the mappings, or at the report, which takes longer. */
function isOnMusl(): boolean {
  try {
    const maps = readFileSync('/proc/self/maps', 'latin1');
    if (/\/libc(?:\.so\.6|-2[.\d]*\.so)$/m.test(maps)) return false;
    // On Alpine, the loader is the library too. Elsewhere the library has its plain name.
    if (/\/(?:ld-musl-\S+|libc\.musl-\S+|libc\.so)$/m.test(maps)) return true;
  } catch {
    // There is no /proc, or Deno refuses it.
  }
  try {
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    return report !== undefined && report.header?.glibcVersionRuntime === undefined;
  } catch {
    // Deno refuses the report without --allow-sys. Its builds are for glibc.
    return false;
  }
}

/** Returns the name of this platform in the names of packages and addons, such as `linux-x64-gnu`. */
function platformName(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  if (process.platform !== 'linux') return base;
  return `${base}-${isOnMusl() ? 'musl' : 'gnu'}`;
}

/** The files of the local build in a clone of the repository. */
function findLocalBuild(platform: string): Binaries | undefined {
  // Published packages have no such folder.
  return ownPackage === undefined ? undefined : findFiles(join(ownPackage, 'native'), platform);
}

/** The binaries that lie in a folder by themselves. */
function findFiles(folder: string, platform: string): Binaries | undefined {
  const addon = join(folder, `shareable.${platform}.node`);
  return existsSync(addon) ? { addon, helper: join(folder, helperName) } : undefined;
}

/** What `find` returns, unless it throws or the addon is not there, as where a bundler has moved the code. */
function attempt(find: () => Binaries | undefined): Binaries | undefined {
  try {
    const found = find();
    return found !== undefined && existsSync(found.addon) ? found : undefined;
  } catch {
    // Every runtime and package manager has its own error for what is not installed.
    return undefined;
  }
}

/** Where a program may have the packages, or the binaries, that a bundle of this code needs. */
function placesOfBundle(): string[] {
  // A single executable has its own path in both.
  return [ownFile, process.argv[1], process.execPath].filter((path) => path !== undefined);
}

/** Finds the binaries from a file of the program: in the packages that it can require, or in its folder. */
function findFrom(file: string, platform: string): Binaries | undefined {
  const require = createRequire(file);
  const id = `@shareable/${platform}`;
  return (
    attempt(() => require(id) as Binaries) ??
    // Some package managers show a program only the packages that it names itself.
    attempt(() => createRequire(require.resolve('shareable'))(id) as Binaries) ??
    findFiles(dirname(file), platform)
  );
}

function findBinaries(platform: string): Binaries | undefined {
  const found = findLocalBuild(platform) ?? attempt(() => requirePlatformPackage(platform));
  if (found !== undefined || ownPackage !== undefined) return found;
  for (const place of placesOfBundle()) {
    const there = attempt(() => findFrom(place, platform));
    if (there !== undefined) return there;
  }
  return undefined;
}

function absent(platform: string): SharedMemoryError {
  const isInstalled = (other: string) => attempt(() => requirePlatformPackage(other)) !== undefined;
  const message =
    ownPackage === undefined ? explainBundle(platform, ownFile, helperName) : explainAbsence(platform, isInstalled);
  return new SharedMemoryError(message, { code: 'ERR_SHM_ADDON' });
}

/** The version of the package that an addon is in; our own where it lies by itself. */
function versionBeside(addon: string): string {
  try {
    return (JSON.parse(readFileSync(join(dirname(addon), 'package.json'), 'utf8')) as { version: string }).version;
  } catch {
    return version;
  }
}

/**
 * Loads the addon: the one that `SHAREABLE_ADDON` names, a local build, or the one in the platform's package.
 *
 * @throws {SharedMemoryError} `ERR_SHM_ADDON` when it is missing or does not load, with the reason and what to do
 */
export function loadAddon(): { addon: unknown; binaries: Binaries } {
  const platform = platformName();
  const chosen = process.env['SHAREABLE_ADDON'];
  const binaries =
    chosen === undefined ? findBinaries(platform) : { addon: chosen, helper: join(dirname(chosen), helperName) };
  if (binaries === undefined) throw absent(platform);
  // In a bundle, nothing else ties the two together.
  const found = ownPackage === undefined && chosen === undefined ? versionBeside(binaries.addon) : version;
  if (found !== version) {
    const message = `the addon ${binaries.addon} is of version ${found}, and this is shareable ${version}: ${AGAIN}`;
    throw new SharedMemoryError(message, { code: 'ERR_SHM_ADDON' });
  }
  try {
    // Not the `require` of this file, which a bundler or a test runner may have replaced.
    return { addon: createRequire(resolve(binaries.addon))(resolve(binaries.addon)), binaries };
  } catch (cause) {
    throw new SharedMemoryError(explainFailure(platform, binaries.addon, chosen !== undefined, cause), {
      code: 'ERR_SHM_ADDON',
      cause,
    });
  }
}

/** Returns the path of the helper executable: what `SHAREABLE_HELPER` names, or the one of `binaries`. */
export function findHelper(binaries: Binaries): string {
  const path = process.env['SHAREABLE_HELPER'] ?? resolve(binaries.helper);
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
