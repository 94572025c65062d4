import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

const root = join(import.meta.dirname, '../..');

test.skipIf(!platform.hasShmFolder)(
  'the figures and plots of the documentation are those of the run whose results are kept',
  async () => {
    const plots = (await readdir(join(root, 'docs/bench'))).map((file) => `docs/bench/${file}`);
    expect(plots).toContain('docs/bench/results.json');
    const files = ['README.md', 'docs/index.md', 'docs/performance.md', 'benches/GOALS.md', ...plots].map((file) =>
      join(root, file),
    );
    const before = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    await promisify(execFile)(process.execPath, [join(root, 'benches/publish.ts')], { timeout: 25_000 });
    const after = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    // Restore the files, so that a failure can be examined.
    await Promise.all(files.map((file, i) => after[i] === before[i] || writeFile(file, before[i] as string)));
    expect(files.filter((_, i) => after[i] !== before[i])).toEqual([]);
  },
);
