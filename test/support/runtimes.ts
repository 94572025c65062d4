/** The runtimes that are not Node. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** One runtime. */
export interface Runtime {
  name: string;
  version: string;
  /** The executable, and what comes before the program. */
  path: string;
  flags: string[];
}

const require = createRequire(import.meta.url);

/** Those that are installed, by `test/package.json`. */
export const runtimes: Runtime[] = [
  { name: 'bun', version: '1.4.5', executable: 'bin/bun', flags: [] },
  { name: 'deno', version: '2.9.6', executable: 'deno', flags: ['run', '-A'] },
].flatMap(({ executable, ...runtime }) => {
  try {
    const path = join(dirname(require.resolve(`${runtime.name}/package.json`)), executable);
    return existsSync(path) ? [{ ...runtime, path }] : [];
  } catch {
    return [];
  }
});
