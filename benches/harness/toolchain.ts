/** The programs that contenders need in addition to Node. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const output = join(root, '../target/bench');

/** The interpreter itself, because the one in the PATH can be a slow wrapper. */
export function findPython(name: string): { path: string; version: string } {
  const script = 'import platform, sys; print(sys.executable); print(platform.python_version())';
  const [path = name, version = ''] = execFileSync(name, ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  return { path, version };
}

export const pythonEnvironment = { PYTHONPATH: `${join(root, 'harness')}:${join(root, 'fixtures')}` };

const compiled = new Map<string, string>();

/** Returns the program of an operation's `.c`, compiled once. */
export function compile(operation: string): string {
  let program = compiled.get(operation);
  if (program === undefined) {
    mkdirSync(output, { recursive: true });
    program = join(output, operation);
    const source = join(root, 'operations', `${operation}.c`);
    const include = ['harness', 'fixtures'].map((folder) => `-I${join(root, folder)}`);
    const flags = ['-O2', '-Wall', '-Wextra', '-Werror', ...include];
    execFileSync('cc', [...flags, source, '-o', program, '-lm', '-pthread', '-lrt'], { stdio: 'inherit' });
    compiled.set(operation, program);
  }
  return program;
}

export function compilerVersion(): string {
  return execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
}
