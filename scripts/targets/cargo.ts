/** Finds a Cargo that can build for a target. */
import { existsSync } from 'node:fs';
import { arch } from 'node:os';

import { ask, install, run, succeeds } from './commands.ts';

/** A way to call Cargo. */
export interface Cargo {
  program: string;
  /** The flags that each command needs for the target. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Whether it builds the standard library, because rustup has none for the target here. */
  buildsStd: boolean;
}

/** Debian's compiler, which includes the sources of the standard library. */
const DEBIAN = { cargo: '/usr/bin/cargo', sources: '/usr/lib/rustlib/src/rust/library' };

/** Whether the toolchain of the PATH has a standard library for the target. */
function isInstalled(triple: string): boolean {
  try {
    return existsSync(ask('rustc', ['--print', 'target-libdir', '--target', triple]).trim());
  } catch {
    return false;
  }
}

/**
 * Returns the Cargo of the PATH if it has the target or can get it, and otherwise Debian's, which builds the standard
 * library from source, with the crate that tests need if `hasTests`.
 */
export function cargoFor(triple: string, panic: 'unwind' | 'abort' = 'unwind', hasTests = false): Cargo {
  const target = [`--target=${triple}`];
  if (isInstalled(triple) || (process.env['CI'] !== undefined && succeeds('rustup', ['target', 'add', triple]))) {
    return { program: 'cargo', args: target, env: {}, buildsStd: false };
  }
  if (!existsSync(DEBIAN.cargo) || !existsSync(DEBIAN.sources)) {
    if (!existsSync('/etc/debian_version')) {
      throw new Error(`there is no Rust for ${triple} here: rustup target add ${triple}`);
    }
    install('rustc-web', 'cargo-web', 'rust-web-src', 'libstd-rust-web-dev');
  }
  return {
    program: DEBIAN.cargo,
    args: [...target, `-Zbuild-std=std,panic_${panic}${hasTests ? ',test' : ''}`],
    // Its own rustc, with permission to build the standard library.
    env: { PATH: `/usr/bin:/bin:${process.env['PATH'] ?? ''}`, RUSTC_BOOTSTRAP: '1' },
    buildsStd: true,
  };
}

/** Whether the target has this machine's processor. */
export function isNative(cpu: string): boolean {
  return process.platform === 'linux' && arch() === cpu;
}

/** Calls Cargo. */
export function cargo({ program, args, env }: Cargo, command: string, rest: readonly string[]): void {
  run(program, [command, '--locked', ...args, ...rest], env);
}
