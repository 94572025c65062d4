/** What the loader says when the addon cannot be had or does not load: each failure is real. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';

import { addonPath, helperPath } from '../support/processes.ts';
import { addonForArm64, addonForMusl, addonForNewerGlibc, nodeWithoutExternalBuffers } from './support/broken.ts';
import { run } from './support/programs.ts';
import { Folder } from './support/project.ts';
import { here } from './support/registry.ts';

const source = dirname(createRequire(import.meta.url).resolve('shareable/package.json'));
const messages: string[] = [];
const canMount =
  spawnSync('unshare', ['--mount', '--map-root-user', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

let folder: Folder;

beforeEach(() => {
  folder = new Folder();
  // The package without a local build.
  const installed = join(folder.path, 'node_modules/shareable');
  mkdirSync(installed, { recursive: true });
  cpSync(join(source, 'dist'), join(installed, 'dist'), { recursive: true });
  copyFileSync(join(source, 'package.json'), join(installed, 'package.json'));
});

afterEach(() => folder[Symbol.dispose]());

afterAll(() => {
  console.log(messages.join('\n'));
});

/** Installs the package of a target; its addon is the working one, unless another is given. */
function installPlatform(target: string, addon: string = addonPath): string {
  const path = join(folder.path, 'node_modules/@shareable', target);
  mkdirSync(path, { recursive: true });
  for (const name of ['index.js', 'package.json']) copyFileSync(join(source, 'npm', target, name), join(path, name));
  copyFileSync(addon, join(path, `shareable.${target}.node`));
  symlinkSync(helperPath, join(path, 'shareable-helper'));
  return join(path, `shareable.${target}.node`);
}

interface Options {
  /** What starts Node. */
  before?: string[];
  node?: string;
  flags?: string[];
  env?: NodeJS.ProcessEnv;
  /** What the process is to take itself for. */
  as?: { platform: string; arch: string };
}

/** What the import of the package ends with: the error's code and message, or `works`. */
async function load({ before = [], node = process.execPath, flags = [], env = {}, as }: Options = {}): Promise<string> {
  writeFileSync(
    join(folder.path, 'load.mjs'),
    `for (const [key, value] of Object.entries(${JSON.stringify(as ?? {})})) Object.defineProperty(process, key, { value });
    await import('shareable').then(
      ({ SharedMemory }) => {
        const shm = SharedMemory.create(8);
        shm.buf[0] = 1;
        shm[Symbol.dispose ?? 'close']();
        console.log('works');
      },
      (error) => console.log(error.code + ': ' + error.message),
    );`,
  );
  const { stdout, stderr } = await run([...before, node, ...flags, join(folder.path, 'load.mjs')], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'], ...env },
  });
  expect(stderr).toBe('');
  const message = stdout.trim().replaceAll(folder.path, '…');
  messages.push(`\n${expect.getState().currentTestName}:\n  ${message}`);
  return message;
}

// The broken addons are ELF files for this system and processor.
describe.runIf(here === 'linux-x64-gnu')('on Linux x64 with glibc', () => {
  test("the platform's package is found and works", async () => {
    installPlatform(here);
    expect(await load()).toBe('works');
  });

  test('a missing optional dependency', async () => {
    expect(await load()).toMatch(
      /^ERR_SHM_ADDON: the package @shareable\/linux-x64-gnu is not installed\. .*--omit=optional.*lockfile/,
    );
  });

  test('packages of another system', async () => {
    installPlatform('darwin-arm64');
    expect(await load()).toMatch(/is not installed, but @shareable\/darwin-arm64 is: .*another system\. Install again/);
  });

  test('packages of the other C library', async () => {
    installPlatform('linux-x64-musl');
    expect(await load()).toMatch(/but @shareable\/linux-x64-musl is: this system's C library is glibc/);
  });

  test('packages of another processor', async () => {
    installPlatform('linux-arm64-gnu');
    expect(await load()).toMatch(/but @shareable\/linux-arm64-gnu is: this Node is built for x64 processors/);
  });

  test('an x64 Node on an Apple processor', async () => {
    installPlatform('darwin-arm64');
    expect(await load({ as: { platform: 'darwin', arch: 'x64' } })).toMatch(
      /@shareable\/darwin-x64 is not installed, but @shareable\/darwin-arm64 is: .*Rosetta.*process\.arch/,
    );
  });

  test('a platform without binaries', async () => {
    expect(await load({ as: { platform: 'freebsd', arch: 'x64' } })).toMatch(
      /^ERR_SHM_ADDON: shareable has no binaries for freebsd-x64; it has them for linux-x64-gnu, .*SHAREABLE_ADDON/,
    );
  });

  test('an addon for another processor', async () => {
    installPlatform(here, addonForArm64(folder.path, addonPath));
    expect(await load()).toMatch(/does not load: it is built for arm64 processors, and this Node is one for x64\./);
  });

  test('an addon for musl', async () => {
    installPlatform(here, addonForMusl(folder.path));
    expect(await load()).toMatch(/it is built for the C library musl, and this system's is glibc/);
  });

  test('a glibc that is too old', async () => {
    installPlatform(here, addonForNewerGlibc(folder.path));
    expect(await load()).toMatch(/it needs glibc 2\.99, and this system's is \d+\.\d+\. Use a newer system/);
  });

  test('an addon for another system', async () => {
    const addon = join(folder.path, 'windows.node');
    const bytes = Buffer.alloc(1024);
    bytes.write('MZ');
    bytes.writeUInt32LE(128, 60);
    bytes.write('PE\0\0', 128);
    bytes.writeUInt16LE(0x8664, 132);
    writeFileSync(addon, bytes);
    installPlatform(here, addon);
    expect(await load()).toMatch(/it is built for win32, and this is linux\./);
  });

  test.each([
    ['an empty file', ''],
    ['a placeholder for a file', 'version https://example.org/spec\noid sha256:0\nsize 1\n'.repeat(3)],
  ])('%s in place of the addon', async (_, content) => {
    const addon = join(folder.path, 'placeholder');
    writeFileSync(addon, content);
    installPlatform(here, addon);
    expect(await load()).toMatch(/the file is not a library: an interrupted download/);
  });

  test.runIf(canMount)('a file system that allows no executables (where this user may mount one)', async () => {
    const place = join(folder.path, 'noexec');
    mkdirSync(place);
    const addon = join(place, 'addon.node');
    // In a mount namespace of its own.
    const script = 'mount -t tmpfs -o noexec tmpfs "$1" && cp "$2" "$3" && shift 3 && exec "$@"';
    const message = await load({
      before: ['unshare', '--mount', '--map-root-user', 'sh', '-c', script, 'sh', place, addonPath, addon],
      env: { SHAREABLE_ADDON: addon },
    });
    expect(message).toMatch(
      /it lies on a file system that allows no executables \(mounted noexec\)\. Install elsewhere/,
    );
  });

  test('a Node that may not load addons', async () => {
    installPlatform(here);
    expect(await load({ flags: ['--no-addons'] })).toMatch(/Node was started with --no-addons/);
  });

  test('a runtime that refuses external buffers', { timeout: 90_000 }, async () => {
    installPlatform(here);
    const node = nodeWithoutExternalBuffers(folder.path, process.execPath);
    expect(await load({ node })).toMatch(
      /^ERR_SHM_UNSUPPORTED: this runtime allows no ArrayBuffer over memory .*Electron/,
    );
  });

  test('SHAREABLE_ADDON and SHAREABLE_HELPER override what is installed', async () => {
    expect(await load({ env: { SHAREABLE_ADDON: addonPath, SHAREABLE_HELPER: helperPath } })).toBe('works');
    installPlatform(here);
    expect(await load({ env: { SHAREABLE_ADDON: '/nonexistent/addon.node' } })).toMatch(
      /the addon that SHAREABLE_ADDON names, \/nonexistent\/addon\.node, does not load: .*ENOENT.* unset SHAREABLE_ADDON/,
    );
  });
});
