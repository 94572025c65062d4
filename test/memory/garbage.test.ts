/** The garbage collector: nothing that is in use goes, and nothing that is not stays. */
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';

const withCollector = { execArgv: ['--expose-gc'] };

describe.skipIf(!platform.hasProc)('an unreachable instance', () => {
  test('leaves its buffer readable and shared', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('keepBuffer')).toEqual({ collected: true, seen: 42, shared: 43 });
  });

  test('leaves a view of its buffer readable and shared', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('keepView')).toEqual({ collected: true, seen: 42, shared: 43 });
  });

  test('is unmapped when its buffer is unreachable too', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('dropInstances', true)).toBe(0);
  });

  test('is unmapped when its buffer was never used', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('dropInstances', false)).toBe(0);
  });

  test('is unmapped when it was a list', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('dropLists')).toBe(0);
  });

  test('does not unlink', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('dropOwner')).toBe(true);
  });
});

describe.skipIf(!platform.hasProc)('a list', () => {
  test('keeps its segment mapped as long as it is referred to', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('keepList')).toEqual([1, 'two']);
  });
});

describe.skipIf(!platform.hasProc || !platform.needsNoDescriptor)('ten thousand', () => {
  test('segments made and closed leave descriptors and mappings as they were', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('cycleSegments', 10_000)).toEqual({ files: 0, segments: 0, ranges: expect.toSatisfy(few) });
  });

  test('attachments made and closed leave descriptors and mappings as they were', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('cycleAttachments', 10_000)).toEqual({
      files: 0,
      segments: 0,
      ranges: expect.toSatisfy(few),
    });
  });

  test('failures leave descriptors and mappings as they were', async () => {
    await using child = forkFixture('memory/garbage.ts', withCollector);
    expect(await child.ask('cycleFailures', 10_000)).toEqual({ files: 0, segments: 0, ranges: expect.toSatisfy(few) });
  });
});

/** The heap of the engine takes and gives back some ranges of its own. */
function few(ranges: number): boolean {
  return ranges < 200;
}
