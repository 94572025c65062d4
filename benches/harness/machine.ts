/** The machine and the versions that the figures come from. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

import { size } from './format.ts';
import { compilerVersion } from './toolchain.ts';

export function describeMachine(pythonVersion: string): Record<string, string> {
  const processors = cpus();
  return {
    processor: `${processors.length} x ${processors[0]?.model.trim()}`,
    memory: size(totalmem()),
    system: `${type()} ${release()}, ${process.arch}`,
    node: process.version,
    python: pythonVersion,
    compiler: compilerVersion(),
    rust: execFileSync('rustc', ['--version'], { encoding: 'utf8' }).trim(),
  };
}
