/**
 * Tests Linux with musl. x64 runs natively, by a Node linked with musl from a Python package, on Debian's musl. arm64 runs a
 * smoke test by such a Node under qemu.
 */
import { cpSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { build, staticSettings } from '../../../scripts/targets/build.ts';
import { cargoFor } from '../../../scripts/targets/cargo.ts';
import { cache, install } from '../../../scripts/targets/commands.ts';
import { findTarget } from '../../../scripts/targets/targets.ts';
import { muslGccLibrary, muslLibrary, muslNode } from './support/musl-node.ts';
import type { Report } from './support/report.ts';
import { finish, report, sum } from './support/report.ts';
import { runRustTests } from './support/rust.ts';
import type { Sandbox } from './support/sandbox.ts';
import { skippedInMusl, skippedRust } from './support/skips-musl.ts';
import { runSmoke } from './support/smoke.ts';

function x64(): Promise<Report> {
  const target = findTarget('linux-x64-musl');
  const how = 'natively: the Rust tests as static programs, a smoke test by Node 24 for musl, on musl 1.2.5';
  return report(target.name, how, async (built) => {
    install('musl');
    const output = join(cache, 'built', target.name);
    const { sizes } = build(target, output);
    built(sizes);
    const sandbox: Sandbox = {
      over: [[muslLibrary('x64'), realpathSync('/lib/ld-musl-x86_64.so.1')]],
      env: { LD_LIBRARY_PATH: muslGccLibrary('x64') },
    };
    const made = cargoFor(target.triple);
    const rust = await runRustTests(made, staticSettings(target.triple, target.cpu, made), sandbox, skippedRust);
    const smoke = await runSmoke(sandbox, muslNode('x64'), output, target);
    return sum([rust, smoke, { passed: 0, failures: [], skipped: [...skippedInMusl] }]);
  });
}

function arm64(): Promise<Report> {
  const target = findTarget('linux-arm64-musl');
  const how = 'a smoke test: Node 24 for musl, on musl 1.2.5, under qemu 7.2';
  return report(target.name, how, async (built) => {
    install('qemu-user-static');
    const output = join(cache, 'built', target.name);
    const { sizes } = build(target, output);
    built(sizes);
    const binfmt = join(cache, 'binfmt');
    const prefix = join(cache, 'musl-arm64-prefix');
    mkdirSync(binfmt, { recursive: true });
    mkdirSync(join(prefix, 'lib'), { recursive: true });
    cpSync(muslLibrary('arm64'), join(prefix, 'lib/ld-musl-aarch64.so.1'));
    return runSmoke({ binfmt, env: { QEMU_LD_PREFIX: prefix } }, muslNode('arm64'), output, target);
  });
}

const wanted = process.argv[2];
const reports: Report[] = [];
if (wanted === undefined || wanted === 'x64') reports.push(await x64());
if (wanted === undefined || wanted === 'arm64') reports.push(await arm64());
finish(reports);
