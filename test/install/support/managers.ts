/** How each package manager installs the package without scripts, and how its users start a program. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { pnpmProgram } from '../../../scripts/pack.ts';
import { bun, deno, packageFolder } from './programs.ts';

/** A package manager. */
export interface Manager {
  name: string;
  /** Writes its configuration to the folder. */
  prepare?: (folder: string, registry: string) => void;
  install: string[];
  /** The command that runs a program there. */
  start: string[];
  /** Whether it has no folders for packages, so that only its own loader finds them. */
  isPnP?: boolean;
  /** Whether `test/package.json` has no package of it for this platform. */
  isMissing?: boolean | undefined;
  /** Whether it installs the packages for both C libraries. */
  ignoresLibc?: boolean;
}

const node = process.execPath;
const npmProgram = [node, join(packageFolder('npm'), 'bin/npm-cli.js')];
const yarn = [node, join(packageFolder('@yarnpkg/cli-dist'), 'bin/yarn.js')];

function yarnSettings(linker: string): NonNullable<Manager['prepare']> {
  return (folder, registry) => {
    writeFileSync(join(folder, 'yarn.lock'), '');
    const settings = {
      nodeLinker: linker,
      // Needed by ES modules in a project whose package.json has no type.
      pnpEnableEsmLoader: true,
      npmRegistryServer: registry,
      unsafeHttpWhitelist: ['127.0.0.1'],
      enableScripts: false,
      enableTelemetry: false,
      enableGlobalCache: false,
      npmMinimalAgeGate: 0,
    };
    writeFileSync(join(folder, '.yarnrc.yml'), JSON.stringify(settings));
  };
}

function npmrc(folder: string, registry: string): void {
  writeFileSync(join(folder, '.npmrc'), `registry=${registry}/\nupdate-notifier=false\n`);
}

export const npm: Manager = {
  name: 'npm',
  install: [
    ...npmProgram,
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    'shareable',
  ],
  start: [node],
};

export const managers: Manager[] = [
  npm,
  {
    name: 'pnpm',
    prepare: npmrc,
    install: [node, pnpmProgram, 'add', '--ignore-scripts', '--config.update-notifier=false', 'shareable'],
    start: [node],
  },
  {
    name: 'Yarn (node-modules)',
    prepare: yarnSettings('node-modules'),
    install: [...yarn, 'add', 'shareable'],
    start: [node],
  },
  {
    name: 'Yarn (PnP)',
    prepare: yarnSettings('pnp'),
    install: [...yarn, 'add', 'shareable'],
    start: [...yarn, 'node'],
    isPnP: true,
  },
  {
    name: 'Bun',
    isMissing: bun.isMissing,
    install: [...bun.command, 'add', '--ignore-scripts', 'shareable'],
    start: bun.command,
  },
  {
    name: 'Deno',
    isMissing: deno.isMissing,
    prepare: npmrc,
    install: [...deno.command, 'add', '--minimum-dependency-age=0', 'npm:shareable'],
    start: [...deno.command, 'run', '--allow-all', '--no-prompt', '--minimum-dependency-age=0'],
    ignoresLibc: true,
  },
];
