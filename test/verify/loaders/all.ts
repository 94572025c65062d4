/**
 * Loads the packed packages by the tools that are too large for the suite: bundlers, test runners, and Next. Run it by
 * `node test/verify/loaders/all.ts [--only NAME]`; it installs 600 MB, so that is done at night. `docs/loading.md` says what each
 * tool needs.
 */
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';

import { packLocal, packMain, root } from '../../../scripts/pack.ts';
import { here } from '../../install/support/registry.ts';
import { nodes } from '../../support/nodes.ts';

const VERSIONS = {
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-node-resolve': '16.0.3',
  '@rspack/core': '2.3.3',
  '@vercel/ncc': '0.45.0',
  '@vercel/nft': '1.11.5',
  jest29: 'npm:jest@29.7.0',
  jest30: 'npm:jest@30.5.2',
  next: '16.4.6',
  react: '19.3.1',
  'react-dom': '19.3.1',
  rollup: '4.68.8',
  vite: '8.4.0',
  webpack: '5.113.0',
};

/** Milliseconds; a build of Next takes the longest. */
const PATIENCE = 600_000;

const execute = promisify(execFile);
const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
// Not in a folder of packages, where Jest finds no tests.
const folder = join(root, 'target/loaders');
const modules = join(folder, 'node_modules');
const node = process.execPath;

async function run(
  command: string[],
  { cwd = folder, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const [program = '', ...args] = command;
  const settings = { cwd, env: { ...process.env, ...env }, timeout: PATIENCE, maxBuffer: 1 << 26 };
  try {
    const { stdout, stderr } = await execute(program, args, settings);
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command.join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Runs a bundle, which must print what main.mjs does and nothing else. */
async function works(...command: string[]): Promise<void> {
  const output = await run([node, ...command]);
  if (output !== 'it works\n') throw new Error(`expected 'it works', got:\n${output}`);
}

/** Copies a folder to a place without packages above it. Removed at the end of the scope. */
function away(source: string): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'shareable-loaders-'));
  cpSync(source, path, { recursive: true, verbatimSymlinks: true });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Copies the binaries into the folder of a bundle, as the load error advises. */
function copyBinaries(target: string): void {
  const source = join(modules, '@shareable', here);
  for (const file of readdirSync(source).filter((name) => name.startsWith('shareable')))
    copyFileSync(join(source, file), join(target, file));
}

async function bundleByWebpack(tool: string, format: 'cjs' | 'esm'): Promise<void> {
  const output = `out/${tool.replace('/', '-')}/main.${format === 'esm' ? 'mjs' : 'cjs'}`;
  await run([node, 'webpack.cjs', tool, format, output]);
  await works(output);
}

async function traceFiles(): Promise<void> {
  const script = `import { nodeFileTrace } from '@vercel/nft';
    const { fileList } = await nodeFileTrace(['main.mjs'], { base: '.' });
    console.log([...fileList].join('\\n'));`;
  const files = (await run([node, '--input-type=module', '--eval', script])).split('\n');
  for (const file of readdirSync(join(modules, '@shareable', here)).filter((name) => name.startsWith('shareable'))) {
    const path = `node_modules/@shareable/${here}/${file}`;
    if (!files.includes(path)) throw new Error(`the tracer leaves ${path} out; it found:\n${files.join('\n')}`);
  }
}

async function compileByNcc(): Promise<void> {
  await run([node, join(modules, '@vercel/ncc/dist/ncc/cli.js'), 'build', 'main.mjs', '-o', 'out/ncc']);
  using place = away(join(folder, 'out/ncc'));
  copyBinaries(place.path);
  await works(join(place.path, 'index.mjs'));
}

/** Node 26 makes a single executable by itself, in about a minute. */
async function buildExecutable(): Promise<void> {
  const builder = nodes.find(({ major }) => major === 26)?.path;
  if (builder === undefined) throw new Error('Node 26 is not installed');
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({ input: join(folder, 'main.mjs'), platform: 'node' });
  await bundle.write({ file: join(folder, 'out/executable/main.cjs'), format: 'cjs' });
  await bundle.close();
  const place = join(folder, 'out/executable');
  const configuration = { main: 'main.cjs', output: 'program', disableExperimentalSEAWarning: true };
  writeFileSync(join(place, 'sea.json'), JSON.stringify(configuration));
  await run([builder, '--build-sea', 'sea.json'], { cwd: place });
  copyBinaries(place);
  using copy = away(place);
  const output = await run([join(copy.path, 'program')]);
  if (output !== 'it works\n') throw new Error(`expected 'it works', got:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => void server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

async function serveByNext(): Promise<void> {
  const project = join(folder, 'next');
  // Turbopack follows no links out of its root.
  const wanted = join(project, 'node_modules');
  if (!existsSync(wanted))
    cpSync(modules, wanted, {
      recursive: true,
      filter: (path) => !/jest|rspack|rollup|vite/.test(path.slice(modules.length)),
    });
  for (const name of ['shareable', '@shareable']) cpSync(join(modules, name), join(wanted, name), { recursive: true });
  await run([node, join(wanted, 'next/dist/bin/next'), 'build'], {
    cwd: project,
    env: { NEXT_TELEMETRY_DISABLED: '1' },
  });
  using place = away(join(project, '.next/standalone'));
  const port = await freePort();
  const server = spawn(node, ['server.js'], {
    cwd: place.path,
    env: { ...process.env, PORT: String(port), HOSTNAME: '127.0.0.1' },
    stdio: 'ignore',
  });
  try {
    for (let left = 100; ; left--) {
      try {
        const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
        if (!page.includes('id="shared-5"')) throw new Error(`the page is:\n${page.slice(0, 2000)}`);
        return;
      } catch (error) {
        // Until the server listens.
        if (!(error instanceof TypeError) || left === 0) throw error;
        await delay(200);
      }
    }
  } finally {
    server.kill();
  }
}

/** Every tool, and what is done with it. */
const tools: Record<string, () => Promise<void>> = {
  'webpack, cjs': () => bundleByWebpack('webpack', 'cjs'),
  'webpack, esm': () => bundleByWebpack('webpack', 'esm'),
  'rspack, cjs': () => bundleByWebpack('@rspack/core', 'cjs'),
  'rspack, esm': () => bundleByWebpack('@rspack/core', 'esm'),
  'Rollup, esm and cjs': async () => {
    await run([node, join(modules, 'rollup/dist/bin/rollup'), '-c', 'rollup.config.mjs']);
    await works('out/rollup/main.mjs');
    await works('out/rollup/main.cjs');
  },
  'Vite SSR': async () => {
    await run([node, join(modules, 'vite/bin/vite.js'), 'build']);
    await works('out/vite/main.mjs');
  },
  'Vite SSR, noExternal': async () => {
    await run([node, join(modules, 'vite/bin/vite.js'), 'build'], { env: { NO_EXTERNAL: '1' } });
    await works('out/vite-bundled/main.mjs');
  },
  nft: traceFiles,
  ncc: compileByNcc,
  ...Object.fromEntries(
    ['jest29', 'jest30'].flatMap((jest) =>
      nodes
        .filter(({ major, path }) => major <= 24 && path !== undefined)
        .map(({ major, path = '' }) => [
          `${jest} on Node ${major}`,
          async () => {
            await run([path, join(modules, jest, 'bin/jest.js'), '--rootDir', '.', 'works.test.js']);
          },
        ]),
    ),
  ),
  'a single executable of Node': buildExecutable,
  'Next standalone': serveByNext,
};

mkdirSync(folder, { recursive: true });
const packages = mkdtempSync(join(tmpdir(), 'shareable-loaders-'));
const failures: string[] = [];
try {
  const manifest = { private: true, dependencies: VERSIONS };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run(['npm', 'install', ...quiet]);
  for (const {
    manifest: { name },
    tarball,
  } of [packMain(packages), packLocal(here, packages)]) {
    const place = join(modules, name);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    await run(['tar', '--extract', '--gzip', '--strip-components=1', '--file', tarball, '--directory', place]);
  }
  cpSync(join(import.meta.dirname, 'fixtures'), folder, { recursive: true });
  cpSync(join(root, 'test/install/fixtures/bundled'), folder, { recursive: true });
  for (const [name, load] of Object.entries(tools)) {
    if (options.only !== undefined && !name.toLowerCase().includes(options.only.toLowerCase())) continue;
    const start = performance.now();
    try {
      await load();
      console.log(`ok     ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      failures.push(name);
      console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} finally {
  rmSync(packages, { recursive: true });
}
console.log(failures.length === 0 ? 'every tool loads the package' : `failed: ${failures.join(', ')}`);
process.exitCode = failures.length === 0 ? 0 : 1;
