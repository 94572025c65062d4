/** What `shareable doctor` looks at on every system: Node, the platform, the addon, the helper. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';

import type * as Binding from '../native/binding.js';
import { formatBytes } from './format.js';
import { askAbout, loadBinding } from './helper.js';

/** What a check found. */
export interface Check {
  /** What was looked at: short and stable. */
  readonly id: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'unavailable';
  readonly message: string;
  /** What to do about it. */
  readonly advice: string | null;
}

/** What is as it should be. */
export function ok(id: string, message: string): Check {
  return { id, status: 'ok', message, advice: null };
}

/** What works, but not as well as it could, or not for everybody. */
export function warning(id: string, message: string, advice: string): Check {
  return { id, status: 'warning', message, advice };
}

/** What keeps the library from working. */
export function problem(id: string, message: string, advice: string): Check {
  return { id, status: 'problem', message, advice };
}

/** What cannot be looked at here. */
export function unavailable(id: string, why: string): Check {
  return { id, status: 'unavailable', message: `not available here: ${why}`, advice: null };
}

/** The sentence of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether this Node is one that the package supports. */
export function checkNode(): Check {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { node } = (JSON.parse(manifest) as { engines: { node: string } }).engines;
  const [needed, actual] = [node, process.versions.node].map((text) => (text.match(/\d+/g) ?? []).map(Number));
  const [major = 0, minor = 0] = actual ?? [];
  const [neededMajor = 0, neededMinor = 0] = needed ?? [];
  const isEnough = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  return isEnough
    ? ok('node', `Node ${process.version}; needed is ${node}`)
    : problem('node', `Node ${process.version}; needed is ${node}`, 'Install a newer Node.');
}

/** Whether this is a system that the library is tested on. */
export function checkPlatform(): Check {
  const name = `${platform()} ${arch()}, release ${release()}`;
  if (platform() === 'linux') return ok('platform', name);
  return warning(
    'platform',
    name,
    'Segments and lists work, but cannot be listed or swept on this system, and read-only attachments do not exist.',
  );
}

/** Whether the addon is there and loads. */
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

/** What a segment without a helper cannot do. */
const WITHOUT_HELPER = 'Without it no segment with track: true can be created.';

/** Whether the helper is there, may be run, and answers. */
export async function checkHelper(binding: typeof Binding | undefined): Promise<Check> {
  if (binding === undefined) return unavailable('helper', 'it lies beside the addon, which does not load');
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
