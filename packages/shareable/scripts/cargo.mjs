// What the builds of the binaries have in common.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

/** The triple that this machine's compiler builds for. */
export function hostTriple() {
  const version = execFileSync('rustc', ['-vV'], { encoding: 'utf8' });
  const triple = /^host: (.*)$/m.exec(version)?.[1];
  if (triple === undefined) throw new Error(`rustc does not say what it builds for:\n${version}`);
  return triple;
}

/** Runs `cargo build` and returns the folder of the results. */
function build(triple, profile, crate, folder, flags, env) {
  execFileSync(
    'cargo',
    ['build', `--profile=${profile}`, '--locked', `--package=${crate}`, `--target=${triple}`, `--target-dir=${folder}`],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env, RUSTFLAGS: [process.env.RUSTFLAGS, ...flags].filter(Boolean).join(' ') },
    },
  );
  return join(root, folder, triple, profile);
}

/**
 * Builds the helper and returns its file. With --target and a folder of its own, so that its flags do not reach the
 * addon.
 */
export function buildHelper(triple, env = {}) {
  const flags = [];
  if (triple.endsWith('linux-gnu')) {
    // The C library is shared, as each Node has its pages in memory anyway. The unwinder is not: linked statically it
    // costs nothing until a panic, and as a library it would be loaded at every start.
    const folder = join(root, 'target/helper/link');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'libgcc_s.so'), 'INPUT(-lgcc_eh -lgcc -lc)\n');
    flags.push('-C relocation-model=static', `-L native=${folder}`);
  }
  const results = build(triple, 'helper', 'shareable-helper', 'target/helper', flags, env);
  return join(results, triple.includes('windows') ? 'shareable-helper.exe' : 'shareable-helper');
}

/** Builds the addon and returns its file. */
export function buildAddon(triple, env = {}) {
  const flags = triple.endsWith('-musl') ? ['-C target-feature=-crt-static'] : [];
  const results = build(triple, 'release', 'shareable-binding', 'target/addon', flags, env);
  if (triple.includes('windows')) return join(results, 'shareable_binding.dll');
  return join(results, `libshareable_binding.${triple.includes('darwin') ? 'dylib' : 'so'}`);
}

/** Puts a file in its place by renaming: one that is running or loaded cannot be written to. */
export function place(from, to, mode) {
  mkdirSync(dirname(to), { recursive: true });
  const fresh = `${to}.new`;
  copyFileSync(from, fresh);
  chmodSync(fresh, mode);
  renameSync(fresh, to);
}
