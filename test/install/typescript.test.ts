/** The package's types and `using`, with the oldest TypeScript that knows it and the newest. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { nodes } from '../support/nodes.ts';
import { npm } from './support/managers.ts';
import { isolated, packageFolder, run } from './support/programs.ts';
import { Folder, install, start } from './support/project.ts';
import { pack, startRegistry } from './support/registry.ts';

const folder = new Folder();

beforeAll(async () => {
  using packages = new Folder();
  await using registry = await startRegistry(pack(packages.path));
  await install(npm, folder.path, registry);
  mkdirSync(join(folder.path, 'node_modules/@types'));
  symlinkSync(packageFolder('@types/node'), join(folder.path, 'node_modules/@types/node'), 'dir');
}, 90_000);

afterAll(() => folder[Symbol.dispose]());

/** Projects as users have them: their files, and what is in tsconfig.json. */
const projects: [name: string, files: string[], options: object][] = [
  ['module node16, an ES module and CommonJS', ['typed.mts', 'typed.cts'], { module: 'node16' }],
  [
    'module nodenext without @types/node',
    ['typed.mts', 'typed.cts'],
    { module: 'nodenext', types: [], typeRoots: [], lib: ['es2022', 'esnext.disposable', 'dom'] },
  ],
];

/** Module commonjs: TypeScript 7 has no resolution but those of Node and of bundlers. */
const commonjs = (version: string): object =>
  version === '5.2'
    ? { module: 'commonjs', moduleResolution: 'node10' }
    : { module: 'commonjs', moduleResolution: 'bundler' };

describe.each([
  ['5.2', 'typescript5'],
  ['6', 'typescript6'],
  ['7', 'typescript7'],
])('TypeScript %s', (version, alias) => {
  test('checks the package and compiles `using`, and the result runs on every Node', { timeout: 120_000 }, async () => {
    const compiler = packageFolder(alias);
    const manifest = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8')) as {
      version: string;
      bin: { tsc: string };
    };
    expect(manifest.version.startsWith(`${version}.`)).toBe(true);
    const config = {
      compilerOptions: {
        target: 'es2022',
        lib: ['es2022', 'esnext.disposable'],
        module: 'nodenext',
        moduleResolution: 'nodenext',
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        outDir: alias,
        rootDir: '.',
      },
      files: ['typed.ts'],
    };
    writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(config));
    writeFileSync(
      join(folder.path, 'package.json'),
      JSON.stringify({ name: 'project', private: true, type: 'module', dependencies: { shareable: '*' } }),
    );
    const options = { cwd: folder.path, env: isolated(folder.path) };
    expect(await run([process.execPath, join(compiler, manifest.bin.tsc), '-p', '.'], options)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    for (const { path } of nodes.filter((node) => node.path !== undefined)) {
      expect(await start([path ?? ''], join(alias, 'typed.js'), folder.path)).toEqual({
        code: 0,
        stdout: 'ENOENT\n',
        stderr: '',
      });
    }
  });

  test.each([...projects, ['module commonjs', ['typed.ts'], commonjs(version)] as const])(
    'checks it in a project with %s',
    { timeout: 120_000 },
    async (name, files, more) => {
      const compiler = packageFolder(alias);
      const { bin } = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8')) as { bin: { tsc: string } };
      const cwd = join(folder.path, 'projects', alias, name.replaceAll(/\W+/g, '-'));
      mkdirSync(cwd, { recursive: true });
      writeFileSync(join(cwd, 'package.json'), '{}');
      const isTooOld = version === '5.2';
      const compilerOptions = {
        target: 'es2022',
        lib: ['es2022', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noPropertyAccessFromIndexSignature: true,
        skipLibCheck: false,
        outDir: 'out',
        rootDir: '.',
        // TypeScript 5.2 does not know it.
        ...(isTooOld ? {} : { isolatedDeclarations: true, declaration: true }),
        ...more,
      };
      for (const file of files) writeFileSync(join(cwd, file), readFileSync(join(folder.path, 'exported.ts')));
      writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const options = { cwd, env: isolated(folder.path) };
      expect(await run([process.execPath, join(compiler, bin.tsc), '-p', '.'], options)).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    },
  );
});
