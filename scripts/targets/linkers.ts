/** The linker for each Linux target, and what it needs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Cargo } from './cargo.ts';
import { isNative } from './cargo.ts';
import { ask, cache, install, once, run, unpack } from './commands.ts';
import type { Target } from './targets.ts';

/** GCC and glibc 2.17, as packages of the npm registry. */
const TOOLCHAINS = {
  x64: { package: '@napi-rs/cross-toolchain-x64-target-x86_64@1.0.0', prefix: 'x86_64-unknown-linux-gnu' },
  arm64: { package: '@napi-rs/cross-toolchain-x64-target-aarch64@1.0.3', prefix: 'aarch64-unknown-linux-gnu' },
};

/** The folder of GCC with glibc 2.17 for a processor. */
function oldToolchain(cpu: Target['cpu']): string {
  const { package: name, prefix } = TOOLCHAINS[cpu];
  return once(`toolchains/linux-${cpu}-gnu`, (into) => {
    unpack(name, into);
    run('tar', ['-xJf', join(into, `${prefix}.tar.xz`), '-C', into]);
  });
}

/** Links against glibc 2.17, independent of this machine. */
function linkerForOldGlibc(cpu: Target['cpu']): string {
  if (!isNative('x64')) throw new Error('the toolchains with an old glibc run on Linux x64 only');
  return join(oldToolchain(cpu), 'bin', `${TOOLCHAINS[cpu].prefix}-gcc`);
}

/** Downloads the musl of a newer Debian, for both processors, to run and to link with. */
export function newMusl(): string {
  return once('musl', (folder) => {
    const sites = ask('apt-get', ['indextargets', '--format', '$(SITE) $(COMPONENT) $(ORIGIN)']).split('\n');
    const site = sites.find((line) => line.endsWith(' main Debian'))?.split(' ')[0];
    if (site === undefined) throw new Error('this machine has no Debian mirror, which the musl for tests comes from');
    const sources = join(folder, 'sources.list');
    const key = '/usr/share/keyrings/debian-archive-keyring.gpg';
    writeFileSync(sources, `deb [arch=amd64,arm64 signed-by=${key}] ${site} trixie main\n`);
    run('mkdir', ['-p', join(folder, 'lists/partial'), join(folder, 'archives/partial')]);
    const apart = [
      `Dir::Etc::sourcelist=${sources}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${join(folder, 'lists')}`,
      `Dir::Cache=${folder}`,
      'APT::Architectures::=amd64',
      'APT::Architectures::=arm64',
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    const packages = ['musl', 'musl-dev'].flatMap((name) => [`${name}:amd64`, `${name}:arm64`]);
    run('apt-get', [...apart, '--quiet', 'update']);
    run('apt-get', [...apart, '--quiet', 'download', ...packages], {}, folder);
    for (const file of ask('ls', [folder]).split('\n')) {
      if (file.endsWith('.deb')) run('dpkg-deb', ['--extract', join(folder, file), folder]);
    }
    run('rm', ['-r', join(folder, 'lists')]);
  });
}

const GCC = { x64: 'gcc', arm64: 'aarch64-linux-gnu-gcc' };
const MUSL = { x64: 'x86_64-linux-musl', arm64: 'aarch64-linux-musl' };

/** GCC with musl's files instead of glibc's, as Debian's `musl-gcc`, but with the newer musl. */
export function muslGcc(cpu: Target['cpu']): string {
  if (!isNative(cpu)) install('gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross');
  const musl = newMusl();
  const specs = join(cache, `musl-${cpu}.specs`);
  const original = readFileSync(join(musl, 'usr/lib', MUSL[cpu], 'musl-gcc.specs'), 'utf8');
  writeFileSync(specs, original.replaceAll(/(?<=[ :L])\/usr\/(?=lib|include)/g, `${musl}/usr/`));
  // Rust links LLVM's unwinder or GCC's shared one. GCC's static unwinder replaces both, so that the addon needs no library
  // that a system may lack. An old one, because newer ones call glibc.
  const libraries = join(cache, `unwind-${cpu}`);
  const old = join(oldToolchain(cpu), 'lib/gcc', TOOLCHAINS[cpu].prefix, '4.8.5');
  mkdirSync(libraries, { recursive: true });
  writeFileSync(join(libraries, 'libunwind.a'), `INPUT(${old}/libgcc_eh.a)\n`);
  writeFileSync(join(libraries, 'libgcc_s.so'), `INPUT(${old}/libgcc_eh.a ${old}/libgcc.a)\n`);
  const linker = join(cache, `musl-${cpu}-gcc`);
  writeFileSync(linker, `#!/bin/sh\nexec ${GCC[cpu]} "$@" -specs '${specs}' -L '${libraries}'\n`, { mode: 0o755 });
  return linker;
}

/** The linker for a target's addon; `undefined` where it is the system's own. */
export function linkerFor(target: Target, { buildsStd }: Cargo): string | undefined {
  if (target.os !== 'linux') return undefined;
  if (target.libc !== 'musl') return linkerForOldGlibc(target.cpu);
  if (buildsStd) return muslGcc(target.cpu);
  if (!isNative(target.cpu)) throw new Error(`${target.name} is built on its own processor, or by Debian's Rust`);
  install('musl-tools');
  return 'musl-gcc';
}
