/** Makes a copy of this repository with the dependencies of another platform, whose Node runs the tests. */
import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ask, cache, root, run } from '../../../../scripts/targets/commands.ts';
import type { Target } from '../../../../scripts/targets/targets.ts';

/** Copies tracked and built files, and installs for `target`. Returns the folder. */
export function makeWorkspace(target: Target): string {
  const folder = join(cache, 'workspaces', target.name);
  for (const old of ['test', 'examples', 'packages/shareable']) {
    for (const entry of existsSync(join(folder, old))
      ? ask('ls', ['-A', join(folder, old)])
          .trim()
          .split('\n')
      : []) {
      if (entry !== 'node_modules') rmSync(join(folder, old, entry), { recursive: true });
    }
  }
  const files = ask('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z']).split('\0');
  for (const file of files) {
    if (file === '' || /^(?:crates|target)\//.test(file) || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  // Without the Rust sources: nothing of Rust is built here.
  cpSync(join(root, 'packages/shareable/dist'), join(folder, 'packages/shareable/dist'), { recursive: true });
  appendFileSync(
    join(folder, 'pnpm-workspace.yaml'),
    `\nsupportedArchitectures:\n  os: [linux]\n  cpu: [${target.cpu}]\n  libc: [${target.libc === 'musl' ? 'musl' : 'glibc'}]\n`,
  );
  run('npx', ['--yes', packageManager(), 'install', '--frozen-lockfile', '--prefer-offline'], {}, folder);
  return folder;
}

function packageManager(): string {
  return ask('node', ['-p', "require('./package.json').packageManager"]).trim();
}
