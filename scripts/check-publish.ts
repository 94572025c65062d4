/**
 * Packs every package and checks what would be published. It needs the binaries of all platforms in their packages. With
 * --here it checks the local build for this machine's platform, and lists the platforms that it has not checked.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkBinary } from './binaries.ts';
import { checkTypes } from './check-types.ts';
import type { Packed } from './pack.ts';
import { folderOf, packLocal, packMain, packPlatform, readManifest, root, targets } from './pack.ts';

/** In bytes, unpacked. The main package has its sources, which an editor shows at "go to definition": a third of it. */
const LIMITS = { addon: 1_500_000, helper: 1_000_000, main: 1_400_000 };
/** The smallest plausible size of an addon or helper. */
const LEAST = 100_000;

const isLocal = process.argv.includes('--here');
const problems: string[] = [];
const rows: Record<string, string | number>[] = [];

function check(isGood: boolean, problem: string): void {
  if (!isGood) problems.push(problem);
}

/** The files that every package must contain in addition to its own. */
function checkFiles({ manifest, files }: Packed, wanted: string[]): void {
  const paths = new Set(files.map(({ path }) => path));
  for (const path of ['package.json', 'README.md', 'LICENSE', ...wanted]) {
    check(paths.has(path), `${manifest.name} holds no ${path}`);
  }
  for (const key of ['description', 'license', 'version'] as const) {
    check(Boolean(manifest[key]), `${manifest.name} has no ${key}`);
  }
}

function sizeOf({ files }: Packed, path?: string): number {
  return files.filter((file) => path === undefined || file.path === path).reduce((sum, { size }) => sum + size, 0);
}

function checkPlatform(target: string, packed: Packed): void {
  const { manifest, files, tarball } = packed;
  const [os = '', cpu = '', libc] = target.split('-');
  const addon = `shareable.${target}.node`;
  const helper = os === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
  checkFiles(packed, ['index.js', addon, helper, 'THIRD-PARTY.md']);
  const expected = {
    name: `@shareable/${target}`,
    main: 'index.js',
    os: [os],
    cpu: [cpu],
    libc: os === 'linux' ? [libc === 'gnu' ? 'glibc' : libc] : undefined,
    executable: [`./${helper}`],
  };
  const { name, main, os: systems, cpu: cpus, libc: libraries, publishConfig } = manifest;
  const actual = { name, main, os: systems, cpu: cpus, libc: libraries, executable: publishConfig?.executableFiles };
  check(
    JSON.stringify(actual) === JSON.stringify(expected),
    `${target}: package.json says ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`,
  );
  check(manifest.preferUnplugged === true, `${name} is not unplugged by Yarn`);
  check(files.find(({ path }) => path === helper)?.isExecutable === true, `${name}: ${helper} is not executable`);
  const index = readFileSync(join(folderOf(target), 'index.js'), 'utf8');
  for (const path of [addon, helper])
    check(index.includes(`path.join(__dirname, '${path}')`), `${name}: its index.js does not name ${path}`);
  for (const [path, limit] of [
    [addon, LIMITS.addon],
    [helper, LIMITS.helper],
  ] as const) {
    const size = sizeOf(packed, path);
    check(size >= LEAST, `${name}: ${path} has ${size} bytes, which is no binary`);
    check(size < limit, `${name}: ${path} has ${size} bytes; the limit is ${limit}`);
    // The local build is for this machine, and its glibc.
    if (size >= LEAST && !isLocal) problems.push(...checkBinary(tarball, path, target));
    rows.push({ package: name, file: path, bytes: size, limit });
  }
}

async function checkMain(packed: Packed): Promise<void> {
  const { manifest } = packed;
  checkFiles(packed, ['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', 'dist/cli/main.js']);
  check(manifest.dependencies === undefined, `${manifest.name} has dependencies`);
  const optional = Object.fromEntries(targets.map((target) => [`@shareable/${target}`, manifest.version]));
  check(
    JSON.stringify(manifest.optionalDependencies) === JSON.stringify(optional),
    `${manifest.name} does not depend on exactly its own version of each platform's package`,
  );
  const size = sizeOf(packed);
  check(size < LIMITS.main, `${manifest.name} has ${size} bytes unpacked; the limit is ${LIMITS.main}`);
  rows.push({ package: manifest.name, file: 'unpacked', bytes: size, limit: LIMITS.main });
  problems.push(...(await checkTypes(readFileSync(packed.tarball))));
}

/** Runs another check, and reports its output if it fails. */
function checkBy(script: string, ...args: string[]): void {
  try {
    execFileSync(process.execPath, [join(root, 'scripts', script), ...args], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    problems.push((error as { stderr: string }).stderr.trim());
  }
}

const folder = mkdtempSync(join(tmpdir(), 'shareable-publish-'));
try {
  checkBy('versions.ts');
  checkBy('manifests.ts');
  checkBy('third-party.ts', '--check');
  await checkMain(packMain(folder));
  const native = join(root, 'packages/shareable/native');
  const here = new Set(targets.filter((target) => existsSync(join(native, `shareable.${target}.node`))));
  check(!isLocal || here.size > 0, `there is no local build in ${native}: run \`pnpm run build\``);
  for (const target of targets) {
    const isBuiltHere = here.has(target);
    if (isLocal && !isBuiltHere) {
      // Its package.json alone.
      check(readManifest(folderOf(target)).name === `@shareable/${target}`, `${target} has another name`);
    } else {
      checkPlatform(target, isLocal ? packLocal(target, folder) : packPlatform(target, folder));
    }
  }
  console.table(rows);
  if (isLocal) console.log(`not checked: the binaries for ${targets.filter((one) => !here.has(one)).join(', ')}`);
} finally {
  rmSync(folder, { recursive: true });
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'ready to publish' : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
