/**
 * Tests the portable backend on Linux: the addon and the helper with the feature `portable-backend`, whose segments are those of
 * the crate `shared_memory`. It runs the package's suite, except for what that crate does not have.
 *
 *   node test/verify/platforms/portable.ts [filter of Vitest …]
 */
import { testRules } from './support/rules.ts';

await testRules(
  {
    target: 'portable backend',
    how: 'Node 24 on Linux, over the crate shared_memory',
    feature: 'portable-backend',
    name: 'portable',
  },
  process.argv.slice(2),
);
