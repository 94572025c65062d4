import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

test.skipIf(!platform.hasPosixCommands)(
  'the first example of the README runs from one file and prints what its comment says',
  async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    // Inside the package, so that the program finds `shareable` as a user's would.
    const folder = await mkdtemp(join(import.meta.dirname, 'readme-'));
    try {
      const blocks = [...readme.matchAll(/^```ts\n\/\/ (\S+\.mts)\n(.*?)^```$/gms)];
      expect(blocks.map(([, name]) => name)).toEqual(['sum.mts']);
      // What `npm init` of npm 11 writes. There, a `.ts` file would be CommonJS.
      await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
      for (const [, name, code] of blocks) await writeFile(join(folder, name as string), code as string);
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, 'sum.mts')], {
        timeout: 30_000,
      });
      const promised = /^ *console\.log.*\/\/ (.*)$/m.exec(readme)?.[1];
      expect(stdout.trim()).toBe(promised);
      expect(stderr).toBe('');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
