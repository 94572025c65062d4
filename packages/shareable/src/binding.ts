/**
 * The addon: finding it, and calling it. Nothing else in the package knows where it is, and whatever it throws has
 * become one of our errors when it leaves here.
 */
import { accessSync, chmodSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type * as Native from '../native/native.js';
import { SharedMemoryError, fromNative } from './errors.js';

type Binding = typeof Native;

const require = createRequire(import.meta.url);

/** The name of this platform in the names of the addons, such as `linux-x64-gnu`. */
function platform(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  if (process.platform !== 'linux') return base;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime === undefined ? `${base}-musl` : `${base}-gnu`;
}

/** Loads the addon: the one that `SHAREABLE_ADDON` names, or a local build, or the platform's package. */
function load(): { addon: Binding; path: string } {
  const name = platform();
  const override = process.env['SHAREABLE_ADDON'];
  const candidates =
    override === undefined
      ? [fileURLToPath(new URL(`../native/shareable.${name}.node`, import.meta.url)), `@shareable/${name}`]
      : [override];
  const causes: unknown[] = [];
  for (const candidate of candidates) {
    try {
      const path = require.resolve(candidate);
      return { addon: require(path) as Binding, path };
    } catch (cause) {
      // A candidate that is absent says nothing; one that is there and does not load is the reason.
      const isAbsent = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && override === undefined;
      if (!isAbsent) causes.push(cause);
    }
  }
  const [cause] = causes;
  throw new SharedMemoryError(
    cause === undefined
      ? `there is no addon of shareable for ${name} here: the package @shareable/${name} is not installed. ` +
          'It comes as an optional dependency; install without --omit=optional, on the machine that runs it.'
      : `the addon of shareable for ${name} does not load: ${cause instanceof Error ? cause.message : String(cause)}`,
    { code: 'ERR_SHM_ADDON', cause },
  );
}

/** `fn`, throwing our errors. */
function translated<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    try {
      return fn(...args);
    } catch (thrown) {
      throw fromNative(thrown);
    }
  };
}

/** The helper executable: the one that `SHAREABLE_HELPER` names, or the one beside the addon. */
function findHelper(addonPath: string): string {
  const name = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
  const path = process.env['SHAREABLE_HELPER'] ?? join(dirname(addonPath), name);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    // Some installers drop the mode. If it cannot be set, or there is no file, starting it says why.
    try {
      chmodSync(path, 0o755);
    } catch {}
  }
  return path;
}

const { addon, path: addonPath } = load();

/** Where the addon is. */
export { addonPath };
/** Where the helper executable is. */
export const helperPath: string = findHelper(addonPath);
addon.setHelper(helperPath);

export const createSegment = translated(addon.createSegment);
export const attachSegment = translated(addon.attachSegment);
export const createOrAttachSegment = translated(addon.createOrAttachSegment);
export const segmentBuffer = translated(addon.segmentBuffer);
export const closeSegment = translated(addon.closeSegment);
export const checkSegment = translated(addon.checkSegment);
export const unlinkSegment = translated(addon.unlinkSegment);
export const disposeSegment = translated(addon.disposeSegment);

export const createList = translated(addon.createList);
export const attachList = translated(addon.attachList);
export const listFind = translated(addon.listFind);
export const listCount = translated(addon.listCount);
export const listFormat = translated(addon.listFormat);

export const lockEnvironment = translated(addon.lockEnvironment);
export const createLock = translated(addon.createLock);
export const attachLock = translated(addon.attachLock);
export const lockBuffer = translated(addon.lockBuffer);
export const lockTry = translated(addon.lockTry);
export const lockAcquire = translated(addon.lockAcquire);
export const lockRelease = translated(addon.lockRelease);
export const lockWant = translated(addon.lockWant);
export const lockUnwant = translated(addon.lockUnwant);
export const lockTake = translated(addon.lockTake);
export const closeLock = translated(addon.closeLock);
export const unlinkLock = translated(addon.unlinkLock);
export const disposeLock = translated(addon.disposeLock);

export const createManager = translated(addon.createManager);
export const startManager = translated(addon.startManager);
export const connectManager = translated(addon.connectManager);
export const managerList = translated(addon.managerList);
export const endManager = translated(addon.endManager);
export const endManagerLater = translated(addon.endManagerLater);

// Written out, because passing on any number of arguments costs as much again as the call.

export const listGet: Binding['listGet'] = (list, index) => {
  try {
    return addon.listGet(list, index);
  } catch (thrown) {
    throw fromNative(thrown);
  }
};

export const listSet: Binding['listSet'] = (list, index, value) => {
  try {
    addon.listSet(list, index, value);
  } catch (thrown) {
    throw fromNative(thrown);
  }
};

export const listAdd: Binding['listAdd'] = (list, index, delta) => {
  try {
    return addon.listAdd(list, index, delta);
  } catch (thrown) {
    throw fromNative(thrown);
  }
};

/** The constants of the list's layout, as Rust has them. */
export const layout = addon.listLayout();

/** Its element changes whenever any segment of this process turns out to be truncated. */
export const losses: Uint32Array = new Uint32Array(translated(addon.segmentLosses)());

/** Bytes per memory page: 4096 on most machines, 16384 on Apple silicon. */
export const pageSize: number = addon.pageSize();

export type { NativeList, NativeLock, NativeManager, NativeOutcome, NativeSegment } from '../native/native.js';
