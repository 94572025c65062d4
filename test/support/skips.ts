/** Which tests are left out on a platform. */
import type { RunnerTestCase } from 'vitest';

import { skippedTests } from '../verify/platforms/windows/skips.ts';

/** The reason why a test is left out here, if it is. */
export function whySkipped(task: Readonly<RunnerTestCase>): string | undefined {
  if (process.env['SHAREABLE_TEST_SKIPS'] !== 'windows') return undefined;
  const titles = [task.name];
  for (let { suite } = task; suite !== undefined && suite !== task.file; { suite } = suite) titles.unshift(suite.name);
  const test = titles.join(' > ');
  const file = task.file.name;
  return skippedTests.find((skip) => skip.file === file && test.startsWith(skip.name ?? ''))?.reason;
}
