/** Checks that macOS can load binaries: by `scripts/mach-o` on every system, and on macOS by its own tool too. */
import { spawnSync } from 'node:child_process';

import { root, run } from './commands.ts';
import type { Target } from './targets.ts';
import { MACOS_FLOOR } from './targets.ts';

/** Returns the problems of a file, each as a clause that begins with a verb. */
export function machOProblems(file: string, cpu: Target['cpu']): string[] {
  const flags = ['run', '--quiet', '--locked', '--package=shareable-mach-o', '--', cpu, MACOS_FLOOR[cpu], file];
  const { status, stdout, stderr, error } = spawnSync('cargo', flags, { cwd: root, encoding: 'utf8' });
  if (status !== 0 && (status !== 1 || stdout === '')) {
    throw new Error(`${file} could not be checked: ${error?.message ?? stderr}`);
  }
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(file.length + 1));
}

/** Fails if macOS would not load the binaries of a target for it. */
export function checkMachO(target: Target, ...files: string[]): void {
  if (target.os !== 'darwin') return;
  for (const file of files) {
    const problems = machOProblems(file, target.cpu);
    if (problems.length > 0) throw new Error(`${file} ${problems.join('; ')}`);
    // Intel's binaries may have no signature.
    if (process.platform === 'darwin' && target.cpu === 'arm64') {
      run('codesign', ['--verify', '--strict', '--verbose=2', file]);
    }
  }
}
