/** The two programs under test: a native one, and Node. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { helperPath } from '../../../support/processes.ts';

export { helperPath };

/** How a program is started. */
export interface Program {
  title: 'native' | 'node';
  command: string[];
}

const root = join(import.meta.dirname, '../../../..');

/** Builds the native program, or takes the one that `SHAREABLE_FAULT_CHILD` names. */
export function nativeProgram(): Program {
  const path = process.env['SHAREABLE_FAULT_CHILD'];
  if (path !== undefined) return { title: 'native', command: [path] };
  const build = ['build', '--locked', '--quiet', '--package', 'shareable-core', '--example', 'fault_child'];
  execFileSync('cargo', build, { cwd: root, stdio: 'inherit' });
  const target = process.env['CARGO_TARGET_DIR'] ?? join(root, 'target');
  return { title: 'native', command: [join(target, 'debug/examples/fault_child')] };
}

/** The fixture `fixtures/child.ts`. */
export function nodeProgram(): Program {
  const fixture = join(root, 'test/verify/faults/fixtures/child.ts');
  return { title: 'node', command: [process.execPath, '--expose-gc', fixture] };
}
