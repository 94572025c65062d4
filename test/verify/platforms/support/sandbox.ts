/** Runs programs in user, mount and process namespaces of their own, so that they do not affect this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What a sandbox has and this machine does not. */
export interface Sandbox {
  /** Runs programs for arm64 by qemu; the value is a folder to mount the kernel's list of such things at. */
  binfmt?: string;
  /** Files that are mounted over others. */
  over?: [file: string, place: string][];
  env?: NodeJS.ProcessEnv;
}

/** The exit and the output of a program. */
export interface Ended {
  code: number | null;
  output: string;
}

const QEMU = '/usr/bin/qemu-aarch64-static';

/** Waits for the maps of users and groups, which only a process outside can write. */
const begin = `echo >&3; read -r _; exec 3>&-
exec unshare --mount --pid --fork --kill-child --mount-proc sh "$@"`;

/** Runs a command. Kills it and all its children after `limit` milliseconds. */
export async function runIn(sandbox: Sandbox, cwd: string, command: readonly string[], limit: number): Promise<Ended> {
  const mounts = (sandbox.over ?? []).flatMap(([file, place]) => ['over', file, place]);
  if (sandbox.binfmt !== undefined) mounts.push('binfmt', sandbox.binfmt, QEMU);
  const script = join(import.meta.dirname, 'sandbox.sh');
  const child = spawn('unshare', ['--user', 'sh', '-c', begin, 'sh', script, ...mounts, '--', ...command], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...sandbox.env },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [out, errors, ready] = [child.stdout, child.stderr, child.stdio[3]] as [Readable, Readable, Readable];
  const output = Promise.all([text(out), text(errors)]);
  await Promise.race([once(ready, 'data'), ended]);
  if (child.exitCode === null) {
    // Every number maps to itself, so that tests can become another user.
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${map}`, '0 0 65536');
    (child.stdin as Writable).end('\n');
  }
  ready.resume();
  const [code] = await ended;
  clearTimeout(timer);
  return { code, output: (await output).join('') };
}
