/** A look at other processes, by /proc: proc(5). */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

import { platform } from './platform.ts';

const native = join(dirname(createRequire(import.meta.url).resolve('shareable/package.json')), 'native');

/** The helper executable of the package that is tested. */
export const helperPath =
  process.env['SHAREABLE_HELPER'] ??
  join(native, process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper');

/** The path of the addon of the local build. It does not exist where the binaries of a platform's package are tested. */
function localAddon(): string {
  const names = existsSync(native) ? readdirSync(native) : [];
  return join(native, names.find((name) => name.endsWith('.node')) ?? 'no-addon.node');
}

/** Its addon. */
export const addonPath = process.env['SHAREABLE_ADDON'] ?? localAddon();

/** The fields of a process's stat from the third on, `state` and `ppid` first; `undefined` when it is gone. */
function stat(pid: number): string[] | undefined {
  if (!platform.hasProc) throw new Error(`${process.platform} has no /proc to look at processes by`);
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in parentheses, may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Whether a process runs; one that has ended with all its threads and was not yet waited for does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'win32') return isKnown(pid);
  const state = stat(pid)?.[0];
  if (state !== 'Z' && state !== 'X') return state !== undefined;
  try {
    // Its first thread can end before the others, and its files stay open until they have.
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Whether the system knows a process of that number. */
function isKnown(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Whether a process ignores a signal. */
export function ignores(pid: number, signal: NodeJS.Signals): boolean {
  const [, mask = '0'] = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** The living children of a process, whichever of its threads has started them. */
export function childrenOf(pid: number): number[] {
  if (!platform.hasProc) return childrenByPs(pid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => stat(candidate)?.[1] === String(pid) && isAlive(candidate));
}

/** The same by ps(1), which every POSIX system has. */
function childrenByPs(pid: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' }).trim().split('\n');
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, parent, state]) => parent === String(pid) && !state?.startsWith('Z'))
    .map(([child]) => Number(child));
}

/** The session that a process belongs to. */
export function sessionOf(pid: number): number {
  return Number(stat(pid)?.[3]);
}

/** What the descriptors of a process lead to, by number. */
export function filesOf(pid: number): Record<string, string> {
  const folder = `/proc/${pid}/fd`;
  const target = (number: string): string | undefined => {
    try {
      return readlinkSync(`${folder}/${number}`);
    } catch (error) {
      // Closed since the folder was read.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return Object.fromEntries(
    readdirSync(folder).flatMap((number) => {
      const path = target(number);
      return path === undefined ? [] : [[number, path]];
    }),
  );
}

/** The one helper that a process has. */
export function helperOf(pid: number | undefined): number {
  const children = childrenOf(pid ?? 0);
  const [helper] = children;
  if (helper === undefined || children.length > 1) {
    throw new Error(`process ${pid} should have one helper, and has ${children.length} children`);
  }
  return helper;
}
