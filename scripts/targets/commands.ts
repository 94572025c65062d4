/** Runs other programs, and provides the folder for their results. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

/** Where toolchains and builds for other platforms are kept. */
export const cache: string = process.env['SHAREABLE_PLATFORM_CACHE'] ?? join(root, 'target/platforms');

/** Runs a program with its output on standard error, because standard output is for results. */
export function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd: string = root): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
}

/** Returns the output of a program. */
export function ask(program: string, args: readonly string[], cwd: string = root): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Whether a program exists and succeeds. */
export function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Fills a folder of the cache once. */
export function once(name: string, fill: (folder: string) => void): string {
  const folder = join(cache, name);
  const done = join(folder, '.done');
  if (!existsSync(done)) {
    mkdirSync(folder, { recursive: true });
    fill(folder);
    mkdirSync(done);
  }
  return folder;
}

/** Installs missing Debian packages. */
export function install(...packages: string[]): void {
  const missing = packages.filter((name) => !succeeds('dpkg', ['--status', name]));
  if (missing.length === 0) return;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo'];
  const [program = '', ...before] = [...sudo, 'apt-get', '--yes', '--quiet', '--no-install-recommends'];
  try {
    run(program, [...before, 'install', ...missing]);
  } catch {
    run(program, [...before, 'update']);
    run(program, [...before, 'install', ...missing]);
  }
}

/** Unpacks a package of the npm registry into a folder. */
export function unpack(nameAndVersion: string, folder: string): void {
  const file = ask('npm', ['pack', '--silent', '--pack-destination', folder, nameAndVersion]).trim().split('\n').at(-1);
  run('tar', ['-xf', join(folder, file ?? ''), '-C', folder, '--strip-components=1']);
  run('rm', [join(folder, file ?? '')]);
}
