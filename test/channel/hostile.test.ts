import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { pathOfFixture } from '../support/fixtures.ts';

describe('a channel whose bytes others overwrite', () => {
  test.each([1, 2, 3])('gives values or errors of the library, at once, series %i', async (seed) => {
    const run = promisify(execFile)(process.execPath, [pathOfFixture('channel/hostile.ts'), String(seed), '300'], {
      timeout: 60_000,
    });
    const outcomes = JSON.parse((await run).stdout) as Record<string, number>;
    // Some of it was noticed.
    expect(outcomes).toMatchObject({ LayoutError: expect.any(Number), value: expect.any(Number) });
  });
});
