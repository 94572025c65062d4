/** Runs other programs, and provides the folder for their results. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../../../..');

/** Where toolchains and builds for other platforms are kept. */
export const cache: string = join(process.env['SHAREABLE_PLATFORM_CACHE'] ?? join(root, 'target/platforms'), 'windows');

/** Runs a program with its output on standard error, because standard output is for results. */
export function run(program: string, args: readonly string[], cwd: string = root, env: NodeJS.ProcessEnv = {}): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
}

/** Returns the output of a program. */
export function ask(program: string, args: readonly string[], cwd: string = root, env: NodeJS.ProcessEnv = {}): string {
  const options = { cwd, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env } } as const;
  return execFileSync(program, args, { ...options, stdio: ['ignore', 'pipe', 2] });
}

/** Returns a folder of the cache, which is filled completely or not at all. */
export function once(name: string, fill: (folder: string) => void): string {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  fill(unfinished);
  renameSync(unfinished, folder);
  return folder;
}

/** Installs missing Debian packages. */
export function install(...packages: string[]): void {
  const missing = packages.filter((name) => spawnSync('dpkg', ['--status', name], { stdio: 'ignore' }).status !== 0);
  if (missing.length === 0) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-q'], root, env);
  run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], root, env);
}
