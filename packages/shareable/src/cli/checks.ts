/** The checks of `shareable doctor` for every system: Node, the platform, the addon, the helper. */
import { accessSync, constants, existsSync } from 'node:fs';
import { arch, platform, release } from 'node:os';

import { supportedNode } from '../manifest.js';
import type * as Binding from '../native/binding.js';
import { formatBytes } from './format.js';
import { askAbout, loadBinding } from './helper.js';

/** The result of a check. */
export interface Check {
  /** What was checked: a short, stable name. */
  readonly id: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'unavailable';
  readonly message: string;
  /** What to do about it. */
  readonly advice: string | null;
}

/** Makes the result for something that is as it should be. */
export function ok(id: string, message: string): Check {
  return { id, status: 'ok', message, advice: null };
}

/** Makes the result for something that works, but not fully. */
export function warning(id: string, message: string, advice: string): Check {
  return { id, status: 'warning', message, advice };
}

/** Makes the result for something that keeps the library from working. */
export function problem(id: string, message: string, advice: string): Check {
  return { id, status: 'problem', message, advice };
}

/** Makes the result for something that cannot be checked here. */
export function unavailable(id: string, why: string): Check {
  return { id, status: 'unavailable', message: `not available here: ${why}`, advice: null };
}

/** Returns the message of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Checks that the package supports this Node. */
export function checkNode(): Check {
  const [needed, actual] = [supportedNode, process.versions.node].map((text) => (text.match(/\d+/g) ?? []).map(Number));
  const [major = 0, minor = 0] = actual ?? [];
  const [neededMajor = 0, neededMinor = 0] = needed ?? [];
  const isEnough = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  return isEnough
    ? ok('node', `Node ${process.version}; needed is ${supportedNode}`)
    : problem('node', `Node ${process.version}; needed is ${supportedNode}`, 'Install a newer Node.');
}

/** Checks that the library is tested on this system. */
export function checkPlatform(): Check {
  const name = `${platform()} ${arch()}, release ${release()}`;
  if (platform() === 'linux') return ok('platform', name);
  return warning(
    'platform',
    name,
    'Segments and lists work. They cannot be listed or swept on this system, and not attached to read-only.',
  );
}

/** Checks that the addon is installed and loads. */
export async function checkAddon(): Promise<{ check: Check; binding: typeof Binding | undefined }> {
  const override = process.env['SHAREABLE_ADDON'];
  try {
    const binding = await loadBinding();
    return { check: ok('addon', binding.addonPath), binding };
  } catch (error) {
    const advice =
      override === undefined
        ? "Install again on this machine, with optional dependencies; the addon is in the platform's own package."
        : `SHAREABLE_ADDON names ${override}: it has to be an addon for this platform, or unset.`;
    return { check: problem('addon', messageOf(error), advice), binding: undefined };
  }
}

/** What does not work without the helper. */
const WITHOUT_HELPER = 'Without it no segment with track: true can be created.';

/** Checks that the helper is installed, can be started, and answers. */
export async function checkHelper(binding: typeof Binding | undefined): Promise<Check> {
  if (binding === undefined) return unavailable('helper', 'it is beside the addon, which does not load');
  const path = binding.helperPath;
  const source = process.env['SHAREABLE_HELPER'] === undefined ? 'Install again' : 'Correct or unset SHAREABLE_HELPER';
  if (!existsSync(path)) return problem('helper', `there is no file ${path}`, `${source}. ${WITHOUT_HELPER}`);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return problem('helper', `${path} is not executable`, `Allow it: chmod +x '${path}'. ${WITHOUT_HELPER}`);
  }
  try {
    // The first time it may come from a disk.
    await askAbout();
    const start = performance.now();
    const { residentBytes } = await askAbout();
    const time = `${(performance.now() - start).toFixed(1)} ms`;
    const memory = residentBytes === null ? '' : `, takes ${formatBytes(residentBytes)} of memory`;
    return ok('helper', `${path} starts and answers in ${time}${memory}`);
  } catch (error) {
    return problem('helper', messageOf(error), `${source}. ${WITHOUT_HELPER}`);
  }
}
