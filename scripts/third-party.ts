/**
 * Writes THIRD-PARTY.md: the licences of the crates that are linked into the binaries. With --check it only compares.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Package {
  id: string;
  name: string;
  version: string;
  license: string | null;
  license_file: string | null;
  authors: string[];
  manifest_path: string;
  source: string | null;
}

const root = join(import.meta.dirname, '..');
const output = join(root, 'THIRD-PARTY.md');

function cargo(...args: string[]): string {
  return execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** Returns `name version` of each crate that is linked on a platform, without build scripts, macros and tests. */
function linked(): Set<string> {
  const tree = ['shareable-binding', 'shareable-helper'].map((name) =>
    cargo('tree', '--locked', `--package=${name}`, '--edges=normal,no-proc-macro', '--target=all', '--prefix=none'),
  );
  return new Set(
    tree
      .join('\n')
      .split('\n')
      .flatMap((line) => {
        const [, name, version] = /^(\S+) v(\S+)/.exec(line) ?? [];
        return name === undefined ? [] : [`${name} ${version}`];
      }),
  );
}

/** Returns the licence text for a crate: MIT's where it offers that. */
function licenceText({ authors, license, license_file: named, manifest_path: manifest, name }: Package): string {
  const folder = dirname(manifest);
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying)/i.test(file));
  const wanted = files.find((file) => /mit/i.test(file)) ?? named ?? files.toSorted()[0];
  if (wanted === undefined) {
    const by = authors.length === 0 ? 'its authors' : authors.join(', ');
    return `The package ${name} holds no licence text; it is by ${by}, under ${license ?? 'no licence that it names'}.`;
  }
  return readFileSync(join(folder, wanted), 'utf8').replaceAll('\r\n', '\n').trim();
}

function document(): string {
  const names = linked();
  const metadata = JSON.parse(cargo('metadata', '--format-version=1', '--locked')) as { packages: Package[] };
  const crates = metadata.packages.filter(
    (crate) => crate.source !== null && names.has(`${crate.name} ${crate.version}`),
  );
  const byText = Map.groupBy(
    crates.toSorted((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version)),
    licenceText,
  );
  const sections = [...byText].map(([text, group]) => {
    const list = group.map(({ name, version, license }) => `- ${name} ${version} (${license ?? 'see below'})`);
    return `${list.join('\n')}\n\n${text.replaceAll(/^(?=.)/gm, '    ')}\n`;
  });
  return (
    '# Licences of third parties\n\n' +
    'The binaries of shareable hold code of these crates. Written by `scripts/third-party.ts`.\n\n' +
    'They also hold parts of the standard library of Rust (MIT OR Apache-2.0), © The Rust Project contributors.\n\n' +
    sections.join('\n')
  );
}

const fresh = document();
if (process.argv.includes('--check')) {
  if (readFileSync(output, 'utf8') !== fresh) {
    console.error('THIRD-PARTY.md is not what the crates say: run `pnpm third-party`');
    process.exitCode = 1;
  }
} else {
  writeFileSync(output, fresh);
}
