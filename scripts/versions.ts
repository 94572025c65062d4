/**
 * Checks that all packages and crates have the same version. Changesets' fixed group covers the packages, and this script
 * the crates. With --write it gives the crates the version of the package.
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const cargoToml = join(root, 'Cargo.toml');

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { version: string }).version;
}

const wanted = versionOf('packages/shareable');
const pattern = /(\[workspace\.package\]\nversion = ")([^"]+)(")/;
const toml = readFileSync(cargoToml, 'utf8');

if (process.argv.includes('--write')) {
  writeFileSync(cargoToml, toml.replace(pattern, `$1${wanted}$3`));
  // Updates only the crates' versions in the lock file.
  execFileSync('cargo', ['metadata', '--format-version=1', '--offline'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
} else {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8');
  const found = new Map<string, string | undefined>([['Cargo.toml', pattern.exec(toml)?.[2]]]);
  for (const [, crate = '', version] of lock.matchAll(/name = "(shareable-\w+)"\nversion = "([^"]+)"/g)) {
    found.set(`${crate} in Cargo.lock`, version);
  }
  for (const folder of globSync('packages/shareable/npm/*', { cwd: root })) found.set(folder, versionOf(folder));
  const wrong = [...found].filter(([, version]) => version !== wanted);
  for (const [place, version] of wrong) console.error(`${place} has the version ${version}, the package ${wanted}`);
  if (wrong.length > 0) {
    console.error('run `pnpm run release:version`, which writes them all');
    process.exitCode = 1;
  } else {
    console.log(`${found.size + 1} versions are ${wanted}`);
  }
}
