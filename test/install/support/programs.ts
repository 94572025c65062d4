/** The package managers and runtimes of the tests' package, and a way to run them without a network. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { nodes } from '../../support/nodes.ts';

const require = createRequire(import.meta.url);

/** The folder of an installed package. */
export function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** A runtime: the command line that runs a program on it. */
export interface Runtime {
  name: string;
  command: string[];
  /** Whether `test/package.json` has no package of it for this platform. */
  isMissing?: boolean;
}

function find(name: string, id: string, path: string): Runtime {
  let file: string | undefined;
  try {
    file = join(packageFolder(id), path);
  } catch {}
  return { name, command: [file ?? id], isMissing: file === undefined || !existsSync(file) };
}

export const bun: Runtime = find('Bun', 'bun', 'bin/bun');
export const deno: Runtime = find('Deno', 'deno', 'deno');

/** Every supported runtime. */
export const runtimes: Runtime[] = [
  ...nodes.map(({ major, name, path }) => ({
    name: `Node ${major}`,
    command: [path ?? name],
    isMissing: path === undefined,
  })),
  bun,
  { ...deno, command: [...deno.command, 'run', '--allow-all', '--no-prompt', '--minimum-dependency-age=0'] },
];

/** How a program ended. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Returns the environment of a user with an empty home, who can only reach `registry`. */
export function isolated(folder: string, registry?: string): NodeJS.ProcessEnv {
  const home = join(folder, '.home');
  mkdirSync(home, { recursive: true });
  const nowhere = 'http://127.0.0.1:9';
  return {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: home,
    XDG_CACHE_HOME: join(home, 'cache'),
    BUN_INSTALL_CACHE_DIR: join(home, 'bun'),
    DENO_DIR: join(home, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
    NO_COLOR: '1',
    http_proxy: nowhere,
    https_proxy: nowhere,
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
    ...(registry === undefined ? {} : { npm_config_registry: registry, BUN_CONFIG_REGISTRY: registry }),
  };
}

/** Runs a program, for a minute at most. */
export async function run(
  [command = '', ...args]: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Outcome> {
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
