/** A look at other processes, by /proc: proc(5). Elsewhere by ps(1), as far as it tells. */
import { spawnSync } from 'node:child_process';
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

/** A process. */
interface Entry {
  pid: number;
  parent: number;
  /** As ps(1) shows it: `Z` is a zombie. */
  state: string;
}

/** What /proc says about a process; `undefined` when it is gone. */
function entryOf(pid: number): (Entry & { session: number }) | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in parentheses, may hold anything.
    const [state = '', parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state, session: Number(session) };
  } catch {
    return undefined;
  }
}

/** The columns of ps(1), which every POSIX system has, for the processes that `which` selects. */
function rowsOfPs(columns: string, ...which: string[]): string[] {
  const { stdout, pid } = spawnSync('ps', [...which, '-o', `pid=,${columns}`], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((row) => row.trim());
  // Without ps itself, which is a child of this process.
  return rows.filter((row) => row !== '' && Number.parseInt(row, 10) !== pid);
}

function allByPs(): Entry[] {
  return rowsOfPs('ppid=,state=', '-A').map((row) => {
    const [pid, parent, state = ''] = row.split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), state };
  });
}

function allByProc(): Entry[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => entryOf(Number(pid)) ?? []);
}

/** Whether a process runs; one that has ended with all its threads and was not yet waited for does not. */
export function isAlive(pid: number): boolean {
  if (!platform.listsProcesses) return isKnown(pid);
  if (!platform.hasProc) return rowsOfPs('state=', '-p', String(pid)).some((row) => !/^\d+\s+Z/.test(row));
  const state = entryOf(pid)?.state;
  if (state !== 'Z' && state !== 'X') return state !== undefined;
  try {
    // Its first thread can end before the others, and its files stay open until they have.
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Whether the system knows a process of that number. */
export function isKnown(pid: number): boolean {
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

/** The living children of a process, whichever of its threads has started them. Needs `platform.listsProcesses`. */
export function childrenOf(pid: number): number[] {
  if (!platform.listsProcesses)
    throw new Error(`${process.platform} does not say which processes another one has started`);
  const children = (platform.hasProc ? allByProc() : allByPs()).filter(({ parent }) => parent === pid);
  if (!platform.hasProc) return children.filter(({ state }) => !state.startsWith('Z')).map((child) => child.pid);
  return children.map((child) => child.pid).filter(isAlive);
}

/** The arguments of a process, with spaces between them; empty once it has ended. Needs `platform.listsProcesses`. */
export function commandOf(pid: number): string {
  if (!platform.hasProc) return (rowsOfPs('args=', '-p', String(pid))[0] ?? '').replace(/^\d+\s+/, '');
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
  } catch {
    return '';
  }
}

/** The children of a process that serve a manager. */
export function serversOf(pid: number): number[] {
  return childrenOf(pid).filter((child) => commandOf(child).endsWith(' manager'));
}

/** The session that a process belongs to. */
export function sessionOf(pid: number): number {
  return entryOf(pid)?.session ?? Number.NaN;
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
