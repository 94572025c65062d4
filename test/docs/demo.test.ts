import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

const main = fileURLToPath(new URL('../../examples/flights/src/main.ts', import.meta.url));

/** Its data is compressed by what Node 20 does not know; it runs on the Node of this repository. */
const canRead = 'zstdDecompressSync' in zlib;

test.skipIf(!platform.hasShmFolder || !platform.hasReadOnly || !canRead)(
  'the demo agrees with itself on a part of the data, and leaves no segment behind (with zstd)',
  { timeout: 240_000 },
  async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [main, '--rows', '20000', '--workers', '2'],
      { timeout: 235_000 },
    );
    expect(stdout).toContain('All runs agree with a computation in one process');
    expect(stdout).toMatch(/A Python worker mapped the same table in .* with 0 B copied/);
    expect(stderr).toBe('');
    const name = /in the segment (psm_\w+)/.exec(stdout)?.[1];
    expect(name).toBeDefined();
    expect(await readdir('/dev/shm')).not.toContain(name);
  },
);
