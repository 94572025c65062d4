// The oldest glibc that the binaries run with: the toolchains that link against it, and a check of what was linked.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './cargo.mjs';

export const FLOOR = '2.17';

const TOOLCHAINS = {
  'x86_64-unknown-linux-gnu': {
    spec: '@napi-rs/cross-toolchain-x64-target-x86_64@1.0.0',
    sum: '2eb861d554f8dac85509d579938ace59bb464a45',
  },
  'aarch64-unknown-linux-gnu': {
    spec: '@napi-rs/cross-toolchain-x64-target-aarch64@1.0.3',
    sum: '05e740de34ee24852cd1984f72b079513c0ea790',
  },
};

/** The environment in which Cargo links for `triple` against glibc 2.17; the toolchain is fetched once. */
export function floorEnvironment(triple) {
  const toolchain = TOOLCHAINS[triple];
  if (toolchain === undefined) return {};
  const folder = join(root, 'target/toolchains', triple);
  const linker = join(folder, 'bin', `${triple}-gcc`);
  if (!existsSync(linker)) {
    mkdirSync(folder, { recursive: true });
    const [{ filename, shasum }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', toolchain.spec], { cwd: folder, encoding: 'utf8' }),
    );
    if (shasum !== toolchain.sum) throw new Error(`${toolchain.spec} has the checksum ${shasum}, not ${toolchain.sum}`);
    execFileSync('tar', ['xzf', filename, '--strip-components=1'], { cwd: folder });
    const [archive] = globSync('*.tar.xz', { cwd: folder });
    execFileSync('tar', ['xJf', archive], { cwd: folder });
  }
  const name = triple.toUpperCase().replaceAll('-', '_');
  return { [`CARGO_TARGET_${name}_LINKER`]: linker };
}

/** Throws if a Linux binary needs a newer glibc than the floor. */
export function checkFloor(file, floor = FLOOR) {
  const versions = execFileSync('readelf', ['--version-info', '--wide', file], { encoding: 'utf8' });
  const needed = [...versions.matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, version]) => version);
  const number = (version) => version.split('.').reduce((sum, part, place) => sum + Number(part) * 1000 ** -place, 0);
  const newer = needed.filter((version) => number(version) > number(floor));
  if (newer.length > 0) throw new Error(`${file} needs glibc ${newer.join(' and ')}; the floor is ${floor}`);
  return needed.toSorted((a, b) => number(a) - number(b)).at(-1);
}
