/**
 * A hundred thousand lives of segments on this Node, and ten thousand on the others: memory, descriptors and mappings stay
 * as they are.
 */
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { installedNodes } from '../support/nodes.ts';

const OURS = 24;
/** KiB that a heap may move by; a page kept of each segment would be twenty to two hundred thousand. */
const SLACK = 16 * 1024;

describe.each(installedNodes)('Node $major', ({ major, path }) => {
  const count = major === OURS ? 100_000 : 10_000;

  test(
    `keeps nothing of ${count} segments that were created, attached to and closed`,
    { timeout: 180_000 },
    async () => {
      await using child = forkFixture('runtimes/soak.mjs', {
        execPath: path,
        execArgv: ['--expose-gc'],
        serialization: 'json',
        deadline: 170_000,
      });
      expect(await child.ask('cycles', count)).toEqual({
        files: 0,
        ranges: expect.toSatisfy((ranges: number) => ranges < 100),
        kib: expect.toSatisfy((kib: number) => kib < SLACK),
        external: 0,
      });
    },
  );
});
