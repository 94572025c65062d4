/** The installed package on every runtime: as an ES module, by `require`, and in a worker thread. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { npm } from './support/managers.ts';
import { runtimes } from './support/programs.ts';
import { Folder, install, start } from './support/project.ts';
import { pack, startRegistry } from './support/registry.ts';

const folder = new Folder();

beforeAll(async () => {
  using packages = new Folder();
  await using registry = await startRegistry(pack(packages.path));
  await install(npm, folder.path, registry);
}, 90_000);

afterAll(() => folder[Symbol.dispose]());

test.runIf(process.platform === 'linux' && process.arch === 'x64')('all of them are here (on Linux x64)', () => {
  expect(runtimes.filter(({ isMissing }) => isMissing)).toEqual([]);
});

describe.each(runtimes.filter(({ isMissing }) => isMissing !== true))('$name', ({ command }) => {
  test.each([
    ['an ES module', 'start.mjs'],
    ['CommonJS', 'start.cjs'],
    ['a worker thread', 'worker.mjs'],
  ])('it works in %s', { timeout: 90_000 }, async (_, program) => {
    expect(await start(command, program, folder.path)).toEqual({ code: 0, stdout: 'the core runs\n', stderr: '' });
  });
});
