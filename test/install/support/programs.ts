/** The package managers and runtimes, as the tests' package has them, and a way to run them cut off from the world. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { nodes } from '../../helpers/nodes.ts';

const require = createRequire(import.meta.url);

/** The folder of an installed package. */
export function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** A runtime: the command line that runs a program on it. */
export interface Runtime {
  name: string;
  command: string[];
}

function binary(name: string, path: string): string[] {
  const file = join(packageFolder(name), path);
  if (!existsSync(file)) throw new Error(`${name} is not installed: there is no ${file}`);
  return [file];
}

export const bun: Runtime = { name: 'Bun', command: binary('bun', 'bin/bun') };
export const deno: Runtime = { name: 'Deno', command: binary('deno', 'deno') };

/** Every supported runtime. */
export const runtimes: Runtime[] = [
  ...nodes.map(({ major, path = `Node ${major} is not installed` }) => ({ name: `Node ${major}`, command: [path] })),
  bun,
  { ...deno, command: [...deno.command, 'run', '--allow-all', '--no-prompt', '--minimum-dependency-age=0'] },
];

/** How a program ended. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The environment of a user with an empty home and no way to the outside but `registry`. */
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

/** Runs a program to its end, which has to come within a minute. */
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
