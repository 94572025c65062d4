/**
 * Type-checks and lints the core, the addon and the helper for platforms that cannot run here, with their tests and their
 * standard library.
 * The last one is a system without binaries, where everything must still build and report that.
 */
import { join } from 'node:path';

import type { Cargo } from '../../../scripts/targets/cargo.ts';
import { cargoFor } from '../../../scripts/targets/cargo.ts';
import { cache, install, run } from '../../../scripts/targets/commands.ts';
import type { Report } from './support/report.ts';
import { finish, report } from './support/report.ts';

const checks: [target: string, triple: string][] = [
  ['darwin-arm64', 'aarch64-apple-darwin'],
  ['darwin-x64', 'x86_64-apple-darwin'],
  ['win32-x64-msvc', 'x86_64-pc-windows-msvc'],
  ['win32-arm64-msvc', 'aarch64-pc-windows-msvc'],
  ['unknown systems', 'x86_64-unknown-freebsd'],
];

/** Clippy, if it comes with this Cargo. */
function lint(made: Cargo, packages: readonly string[]): void {
  const flags = ['clippy', '--locked', '--tests', ...made.args, ...packages, '--', '-D', 'warnings'];
  if (!made.buildsStd) {
    run('cargo', flags, made.env);
    return;
  }
  install('rust-web-clippy');
  // Debian's Cargo would find rustup's.
  run('/usr/bin/cargo-clippy', flags, made.env);
}

function check(target: string, triple: string): Promise<Report> {
  return report(target, 'type-checked and linted, never run here', async (built) => {
    const folder = `--target-dir=${join(cache, 'cargo/check')}`;
    // Without the addon and the helper, which are useless where the core is a stub.
    const crates = triple.includes('freebsd') ? ['core'] : ['core', 'binding', 'helper'];
    lint(cargoFor(triple, 'unwind', true), [folder, ...crates.map((name) => `--package=shareable-${name}`)]);
    built(undefined);
    return { passed: 0, failures: [], skipped: [] };
  });
}

const wanted = process.argv.slice(2);
const reports: Report[] = [];
for (const [target, triple] of checks) {
  if (wanted.length === 0 || wanted.includes(target)) reports.push(await check(target, triple));
}
finish(reports);
