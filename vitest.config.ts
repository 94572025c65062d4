import { join } from 'node:path';

import { configDefaults, defineConfig } from 'vitest/config';

import { missingSuites } from './test/support/suites.ts';
import { otherNode } from './test/verify/runtimes/support/pool.ts';

/** Set by `pnpm test:runtimes`. */
const node = process.env['SHAREABLE_TEST_NODE'];
/** The factor for time limits: processes of an old Node start slowly. */
const patience = Number(process.env['SHAREABLE_TEST_PATIENCE'] ?? 1);

/** A folder for the results as JSON, which `.ci/run` counts; each run of Vitest adds a file. */
const results = process.env['SHAREABLE_TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...missingSuites().flatMap(({ folder }) => [folder, `${folder}/**`])],
    reporters:
      results === undefined
        ? ['default']
        : ['default', ['json', { outputFile: join(results, `vitest-${process.pid}.json`) }]],
    typecheck: { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: './tsconfig.json' },
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    // Processes, not threads: a crash ends only one file, and fixtures need `process.send`.
    pool: node === undefined ? 'forks' : otherNode(node),
    // Most files start further processes.
    maxWorkers: 2,
    // Several times what the slowest tests take beside ten other processes: many start dozens of processes.
    testTimeout: 60_000 * patience,
    hookTimeout: 60_000 * patience,
    // What another process does can take its time on a busy machine. The default is one second.
    expect: { poll: { timeout: 20_000 * patience } },
    // The package as users get it, imported by Node itself.
    server: { deps: { external: [/\/packages\/shareable\/dist\//] } },
  },
});
