/** Builds the addon and the helper of one target, and checks the results. */
import { chmodSync, copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Cargo } from './cargo.ts';
import { cargo, cargoFor, isNative } from './cargo.ts';
import { cache } from './commands.ts';
import { linkerFor, muslGcc } from './linkers.ts';
import { checkMachO } from './mach-o.ts';
import { checkSymbols } from './symbols.ts';
import type { Target } from './targets.ts';
import { MACOS_FLOOR, filesOf, libraryOf } from './targets.ts';

/** Stripped, in bytes. */
const LIMITS = { addon: 1_500_000, helper: 1_000_000 };

/** What was built. */
export interface Built {
  addon: string;
  helper: string;
  sizes: { addon: number; helper: number };
}

/** Returns Cargo's settings for linking, as flags, so that build scripts do not get them. */
function settings(triple: string, linker: string | undefined, ...flags: string[]): string[] {
  const all: string[] = [];
  if (linker !== undefined) all.push('--config', `target.${triple}.linker=${JSON.stringify(linker)}`);
  const rustflags = flags.flatMap((flag) => ['-C', flag]);
  if (flags.length > 0) all.push('--config', `target.${triple}.rustflags=${JSON.stringify(rustflags)}`);
  return all;
}

/**
 * The linker of macOS strips, instead of the tool that Rust would call after it. That one leaves string tables where macOS 27
 * refuses them, and changes a file that the linker has signed.
 */
const STRIPPED_BY_LINKER = 'link-arg=-Wl,-x,-S';

function forMacos(made: Cargo, target: Target): Cargo {
  if (target.os !== 'darwin') return made;
  const env = {
    ...made.env,
    MACOSX_DEPLOYMENT_TARGET: MACOS_FLOOR[target.cpu],
    CARGO_PROFILE_RELEASE_STRIP: 'none',
    CARGO_PROFILE_HELPER_STRIP: 'none',
  };
  return { ...made, env };
}

/** Cargo's flags for the addon of a target. */
function addonSettings(target: Target, made: Cargo): string[] {
  const flags: string[] = [];
  // A musl addon is loaded by a Node that brings musl along.
  if (target.libc === 'musl') flags.push('target-feature=-crt-static');
  // Needs no redistributable package of Microsoft.
  if (target.os === 'win32') flags.push('target-feature=+crt-static');
  if (target.os === 'darwin') flags.push(STRIPPED_BY_LINKER);
  return settings(target.triple, linkerFor(target, made), ...flags);
}

function buildAddon(target: Target): string {
  const folder = join(cache, 'cargo/addon');
  const made = forMacos(cargoFor(target.triple), target);
  cargo(made, 'build', [
    '--release',
    '--package=shareable-binding',
    `--target-dir=${folder}`,
    ...addonSettings(target, made),
  ]);
  return join(folder, target.triple, 'release', libraryOf(target));
}

/** Cargo's flags for programs that are linked statically with musl. */
export function staticSettings(triple: string, cpu: Target['cpu'], { buildsStd }: Cargo): string[] {
  const isStatic = 'target-feature=+crt-static';
  // The files that rustup ships are self-contained; otherwise the C compiler's are used.
  if (buildsStd) return settings(triple, muslGcc(cpu), isStatic, 'link-self-contained=no');
  return settings(triple, isNative(cpu) ? undefined : 'rust-lld', isStatic);
}

/**
 * A helper needs no library of the system. On Linux it is linked with musl, for glibc targets too: it is half the size, and
 * needs no static glibc.
 */
function buildHelper(target: Target): string {
  const folder = join(cache, 'cargo/helper');
  const triple = target.triple.replace('linux-gnu', 'linux-musl');
  const made = forMacos(cargoFor(triple, 'abort'), target);
  const flags = {
    linux: () => staticSettings(triple, target.cpu, made),
    darwin: () => settings(triple, undefined, STRIPPED_BY_LINKER),
    win32: () => settings(triple, undefined, 'target-feature=+crt-static'),
  };
  const all = ['--profile=helper', '--package=shareable-helper', `--target-dir=${folder}`, ...flags[target.os]()];
  cargo(made, 'build', all);
  return join(folder, triple, 'helper', filesOf(target).helper);
}

/** Puts a file in place by renaming, because a running program's file cannot be written to. */
function place(from: string, folder: string, name: string, limit: number): { path: string; size: number } {
  const path = join(folder, name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(from, `${path}.new`);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
  const { size } = statSync(path);
  if (size > limit) throw new Error(`${path} has ${size} bytes, more than ${limit}`);
  return { path, size };
}

/** Builds a target's addon and helper into `folder`. */
export function build(target: Target, folder: string): Built {
  const files = filesOf(target);
  const helper = place(buildHelper(target), folder, files.helper, LIMITS.helper);
  const addon = place(buildAddon(target), folder, files.addon, LIMITS.addon);
  checkSymbols(target, addon.path, helper.path);
  checkMachO(target, addon.path, helper.path);
  return { addon: addon.path, helper: helper.path, sizes: { addon: addon.size, helper: helper.size } };
}
