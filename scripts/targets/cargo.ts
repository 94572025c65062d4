/** Which Cargo can build for a target. */
import { existsSync } from 'node:fs';
import { arch } from 'node:os';

import { ask, install, run, succeeds } from './commands.ts';

/** A way to call Cargo. */
export interface Cargo {
  program: string;
  /** What each of its commands needs for the target. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** The standard library is built by the way, and nothing that rustup ships for the target is there. */
  buildsStd: boolean;
}

/** Debian's compiler, which has the sources of the standard library. */
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
 * The Cargo of the PATH where it has the target or can get it, else Debian's, which builds the standard library from
 * source.
 */
export function cargoFor(triple: string, panic: 'unwind' | 'abort' = 'unwind'): Cargo {
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
    args: [...target, `-Zbuild-std=std,panic_${panic}`],
    // Its own rustc, and the leave to build the standard library.
    env: { PATH: `/usr/bin:/bin:${process.env['PATH'] ?? ''}`, RUSTC_BOOTSTRAP: '1' },
    buildsStd: true,
  };
}

/** Whether this machine's processor is the target's. */
export function isNative(cpu: string): boolean {
  return process.platform === 'linux' && arch() === cpu;
}

/** Calls Cargo. */
export function cargo({ program, args, env }: Cargo, command: string, rest: readonly string[]): void {
  run(program, [command, '--locked', ...args, ...rest], env);
}
