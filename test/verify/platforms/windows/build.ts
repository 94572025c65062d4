/** Builds for Windows by Debian's compiler, which can build the standard library, and the GNU linker of mingw. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ask, cache, install, once, run } from './commands.ts';

const TRIPLE = 'x86_64-pc-windows-gnu';

/** Cargo, and how it is called. */
interface Cargo {
  env: NodeJS.ProcessEnv;
  args: string[];
}

function prepare(): Cargo {
  install('rustc-web', 'cargo-web', 'rust-web-src', 'libstd-rust-web-dev', 'gcc-mingw-w64-x86-64-win32');
  // An addon finds Node's functions when it is loaded, but its build needs the name of a library.
  const libnode = once('libnode', (folder) => {
    writeFileSync(join(folder, 'libnode.def'), 'LIBRARY libnode.dll\nEXPORTS\n');
    writeFileSync(join(folder, 'libnode.dll'), '');
    run('x86_64-w64-mingw32-dlltool', ['-d', 'libnode.def', '-l', 'libnode.dll.a', '-D', 'libnode.dll'], folder);
  });
  return {
    // Debian's compiler, because it has the sources of the standard library. The flag allows it to build them.
    env: { PATH: '/usr/bin:/bin', RUSTC_BOOTSTRAP: '1', LIBNODE_PATH: libnode, RUSTFLAGS: '' },
    args: ['--locked', `--target=${TRIPLE}`, `--target-dir=${cache}`],
  };
}

function build(made: Cargo, profile: string, crate: string, std: string): string {
  run(
    'cargo',
    ['build', `--profile=${profile}`, `--package=${crate}`, `-Zbuild-std=${std}`, ...made.args],
    undefined,
    made.env,
  );
  return join(cache, TRIPLE, profile);
}

/** Builds the addon and the helper as published. Returns the two files. */
export function buildPackage(): { addon: string; helper: string } {
  const made = prepare();
  const helper = join(build(made, 'helper', 'shareable-helper', 'std,panic_abort'), 'shareable-helper.exe');
  const addon = join(build(made, 'release', 'shareable-binding', 'std,panic_unwind'), 'shareable_binding.dll');
  return { addon, helper };
}

interface Artifact {
  reason: string;
  executable: string | null;
  target: { name: string };
  profile: { test: boolean };
}

/** A program of tests. */
export interface TestProgram {
  name: string;
  path: string;
}

/** Builds the tests of the core, as `cargo test` does. */
export function buildCoreTests(): TestProgram[] {
  const { args, env } = prepare();
  const flags = ['--no-run', '--package=shareable-core', '--message-format=json', '-Zbuild-std=std,panic_unwind,test'];
  return ask('cargo', ['test', ...flags, ...args], undefined, env)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Artifact)
    .flatMap(({ reason, executable, target, profile }) =>
      reason === 'compiler-artifact' && profile.test && executable !== null
        ? [{ name: target.name, path: executable }]
        : [],
    );
}
