/**
 * The whole suite of the package on other Nodes: `node test/verify/runtimes/all.ts [--nodes 20,22,26] [test files]`. Vitest itself runs
 * on this Node, the test files and all processes that they start on the other.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { nodes } from '../../support/nodes.ts';
import { makeMirror } from './support/mirror.ts';

const { values, positionals } = parseArgs({
  options: { nodes: { type: 'string', default: '20,22,26' } },
  allowPositionals: true,
});
const chosen = values.nodes.split(',').map((major) => {
  const node = nodes.find((candidate) => String(candidate.major) === major);
  if (node?.path === undefined) throw new Error(`Node ${major} is not installed here`);
  return { name: node.name, major: node.major, path: node.path };
});

/** The first version that runs TypeScript with `using` directly. */
const MODERN = 24;
const root = join(import.meta.dirname, '../../..');
const mirror = makeMirror();
const failed: string[] = [];
try {
  for (const { name, major, path } of chosen) {
    console.log(`\n== the suite on ${name}: ${path}`);
    const preload = new URL('support/old-node.mjs', import.meta.url);
    const options = major < MODERN ? { NODE_OPTIONS: `--enable-source-maps --import=${preload.href}` } : {};
    const { status } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', ...positionals],
      {
        cwd: root,
        stdio: 'inherit',
        env: {
          ...process.env,
          SHAREABLE_TEST_NODE: path,
          SHAREABLE_TEST_NODE_OPTIONS: options.NODE_OPTIONS ?? '',
          SHAREABLE_TEST_MIRROR: mirror,
          SHAREABLE_TEST_PATIENCE: '4',
        },
      },
    );
    if (status !== 0) failed.push(name);
  }
} finally {
  rmSync(mirror, { recursive: true });
}
console.log(failed.length === 0 ? `the suite passed on Node ${values.nodes}` : `failed on ${failed.join(', ')}`);
if (failed.length > 0) process.exitCode = 1;
