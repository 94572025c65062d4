/**
 * Tests the rules of macOS on Linux: the addon and the helper with the feature `macos-rules`, which has the code for macOS over
 * a simulation of its kernel's calls. It runs the package's suite, except for what macOS does not have.
 *
 *   node test/verify/platforms/macos.ts [filter of Vitest …]
 */
import { testRules } from './support/rules.ts';

await testRules(
  {
    target: 'rules of macOS',
    how: "Node 24 on Linux, over a simulation of the calls to macOS's kernel",
    feature: 'macos-rules',
    name: 'darwin',
  },
  process.argv.slice(2),
);
