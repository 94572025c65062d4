/** The packed packages, installed into empty folders by every package manager, with no registry but one of our own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { managers, npm } from './support/managers.ts';
import { Folder, install, start } from './support/project.ts';
import type { Entry } from './support/registry.ts';
import { here, pack, startRegistry, twin } from './support/registry.ts';

const times: Record<string, string> = {};

describe('without install scripts, and with the registry out of reach', () => {
  let entries: Entry[];

  beforeAll(() => {
    using packages = new Folder();
    entries = pack(packages.path);
  });

  test.runIf(process.platform === 'linux' && process.arch === 'x64')('all of them are here (on Linux x64)', () => {
    expect(managers.filter(({ isMissing }) => isMissing)).toEqual([]);
  });

  test.each(managers.filter(({ isMissing }) => isMissing !== true))(
    '$name installs the package, and it works',
    { timeout: 120_000 },
    async (manager) => {
      using folder = new Folder();
      await using registry = await startRegistry(entries);
      times[manager.name] = `${Math.round(await install(manager, folder.path, registry))} ms`;
      // Deno looks optional peers up, and does without what it does not find.
      expect(registry.unknown.map((request) => decodeURIComponent(request)).toSorted()).toEqual(
        manager.name === 'Deno' ? ['GET /@types/node', 'GET /apache-arrow'] : [],
      );
      const platforms = manager.ignoresLibc === true ? [here, twin] : [here];
      expect([...registry.downloaded].toSorted()).toEqual([
        ...platforms.map((name) => `@shareable/${name}`),
        'shareable',
      ]);
      for (const program of ['start.mjs', 'start.cjs']) {
        expect(await start(manager.start, program, folder.path)).toEqual({
          code: 0,
          stdout: 'the core runs\n',
          stderr: '',
        });
      }
      expect(existsSync(join(folder.path, 'node_modules'))).toBe(manager.isPnP !== true);
    },
  );

  test('npm omits the binaries on request, and the error says so', { timeout: 120_000 }, async () => {
    using folder = new Folder();
    await using registry = await startRegistry(entries);
    await install({ ...npm, install: [...npm.install, '--omit=optional'] }, folder.path, registry);
    expect([...registry.downloaded]).toEqual(['shareable']);
    const { code, stderr } = await start(npm.start, 'start.mjs', folder.path);
    expect(code).toBe(1);
    expect(stderr).toContain(`the package @shareable/${here} is not installed. It is an optional dependency`);
    expect(stderr).toContain('--omit=optional');
  });

  afterAll(() => {
    console.log('installed in', times);
  });
});
