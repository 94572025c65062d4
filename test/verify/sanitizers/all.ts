/**
 * Runs the core's tests under AddressSanitizer and ThreadSanitizer, and the package's under both in Node: under the latter
 * those with worker threads. Each sanitizer must first find a planted defect, so that a clean run means something.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { readFlags } from '../faults/support/options.ts';
import { report, type Row } from '../faults/support/report.ts';
import { triple } from '../fuzz/build.ts';
import { nodes } from '../../support/nodes.ts';
import { helperPath } from '../../support/processes.ts';

const root = join(import.meta.dirname, '../../..');
const flags = readFlags(
  'node test/verify/sanitizers/all.ts [--only address,thread,node,threads,workers] [--exits 10000] [--nodes 20,24,26]',
  { only: 'address,thread,node,workers', exits: 60, nodes: '20,24,26' },
);

type Sanitizer = 'address' | 'thread';

const work = (sanitizer: Sanitizer) => join(process.env['CARGO_TARGET_DIR'] ?? join(root, 'target'), sanitizer);

/**
 * The package's tests that cover most of the addon in little time, without those that count mappings and memory, because the
 * sanitizer has its own.
 */
const NODE_TESTS = [
  ...['access', 'add', 'hostile', 'random-bytes', 'search', 'text'].map((name) => `test/list/${name}`),
  ...['aliases', 'buffer', 'closed', 'lifetime', 'read-only'].map((name) => `test/memory/${name}`),
  'test/lock/use',
  'test/lock/async',
  ...['channel', 'workers'].map((name) => `test/channel/${name}.test`),
  ...['event', 'semaphore', 'shared-value'].map((name) => `test/primitives/${name}`),
  'test/manager/alone',
  'test/cross-process/workers',
];

/** The tests in which several threads of one Node use the addon. */
const THREADS_TESTS = ['test/channel/workers.test', 'test/cross-process/workers'];

/** The compiler's settings. Sanitizers are unstable options, which the stable compiler accepts with `RUSTC_BOOTSTRAP`. */
const BUILD: Record<Sanitizer, NodeJS.ProcessEnv> = {
  address: { RUSTFLAGS: '-Zsanitizer=address' },
  // The standard library is not instrumented: see tsan.supp, and the core's `mutex.rs`.
  thread: { RUSTFLAGS: '-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg=thread_sanitizer' },
};

/** Findings go to files, because the output of a process can go anywhere. */
const RUN: Record<Sanitizer, (log: string) => NodeJS.ProcessEnv> = {
  // No leak check, because processes are killed half way. The library itself handles SIGBUS.
  address: (log) => ({ ASAN_OPTIONS: `log_path=${log}:detect_leaks=0:handle_sigbus=0:exitcode=99` }),
  thread: (log) => ({
    TSAN_OPTIONS: `log_path=${log}:exitcode=99:suppressions=${join(import.meta.dirname, 'tsan.supp')}`,
  }),
};

const rows: Row[] = [];
const failures: string[] = [];

/** Runs a program and prints its output. */
async function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      process.stdout.write(text);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

function buildEnvironment(sanitizer: Sanitizer): NodeJS.ProcessEnv {
  return { ...BUILD[sanitizer], RUSTC_BOOTSTRAP: '1', CARGO_TARGET_DIR: work(sanitizer) };
}

/** Returns the reports of the sanitizer. */
function reports(folder: string): string[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
}

function freshFolder(sanitizer: Sanitizer, title: string): string {
  const folder = join(work(sanitizer), `reports-${title}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Checks that the sanitizer finds a planted defect. */
function findsCanary(sanitizer: Sanitizer): boolean {
  const build = ['build', '--locked', '--quiet', '--package', 'shareable-core', '--example', 'sanitizer_canary'];
  const env = { ...process.env, ...buildEnvironment(sanitizer) };
  spawnSync('cargo', [...build, '--target', triple], { cwd: root, env, stdio: 'inherit' });
  const program = join(work(sanitizer), triple, 'debug/examples/sanitizer_canary');
  const folder = freshFolder(sanitizer, 'canary');
  const defect = sanitizer === 'address' ? 'overflow' : 'race';
  const log = RUN[sanitizer](join(folder, 'report'));
  const { status } = spawnSync(program, [defect], { env: { ...process.env, ...log } });
  return status === 99 && reports(folder).length === 1;
}

/** Runs tests under a sanitizer, which must not report anything. */
async function check(
  title: string,
  sanitizer: Sanitizer,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  findsDefect = () => findsCanary(sanitizer),
): Promise<void> {
  console.log(`\n── ${title}`);
  const start = performance.now();
  const canary = findsDefect();
  const folder = freshFolder(sanitizer, title.replaceAll(' ', '-'));
  const { code, output } = await run(command, args, { ...RUN[sanitizer](join(folder, 'report')), ...env });
  const found = reports(folder);
  const plain = stripVTControlCharacters(output);
  const results = [...plain.matchAll(/^(?:test result:| +Tests ).*?(\d+) passed/gm)];
  const passed = results.reduce((sum, [, count]) => sum + Number(count), 0);
  const seconds = Math.round((performance.now() - start) / 1000);
  rows.push({ what: title, canary: canary ? 'found' : 'missed', passed, reports: found.length, seconds });
  if (!canary) failures.push(`${title}: the sanitizer does not find the defect that was put there for it`);
  if (code !== 0 || passed === 0) failures.push(`${title} ended with ${code} and ${passed} tests passed`);
  failures.push(...found.map((text) => `${title}:\n${text.slice(0, 6000)}`));
}

/** Returns gcc's runtime, which Node is started with, because the addon has none. */
function asanRuntime(): string {
  return spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
}

const chosen = new Set(flags.only.split(','));
const cargoTest = ['test', '--locked', '--package', 'shareable-core', '--target', triple];
if (chosen.has('address')) {
  await check(
    'core under AddressSanitizer',
    'address',
    'cargo',
    [...cargoTest, '--lib', '--tests'],
    buildEnvironment('address'),
  );
}
if (chosen.has('thread')) {
  // Without long tests of a single thread.
  const suites = [
    '--lib',
    '--test',
    'list',
    '--test',
    'lock',
    '--',
    '--skip',
    'tests::hostile',
    '--skip',
    'tests::model',
  ];
  await check('core under ThreadSanitizer', 'thread', 'cargo', [...cargoTest, ...suites], buildEnvironment('thread'));
}
/** Builds the addon for a sanitizer. Returns its path. */
function buildAddon(sanitizer: Sanitizer): string {
  const env = { ...process.env, ...buildEnvironment(sanitizer) };
  const build = ['build', '--locked', '--package', 'shareable-binding', '--target', triple];
  const { status } = spawnSync('cargo', build, { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`the addon cannot be built: cargo ended with ${status}`);
  // Node recognizes an addon by the end of its name.
  const addon = join(work(sanitizer), 'shareable.node');
  copyFileSync(join(work(sanitizer), triple, 'debug/libshareable_binding.so'), addon);
  // The helper is beside it, without the sanitizer.
  copyFileSync(helperPath, join(work(sanitizer), basename(helperPath)));
  return addon;
}

/** Compiles one of the C files in `fixtures` to a shared library. Returns its path. */
function compile(name: string, ...options: string[]): string {
  const library = join(work('thread'), `${name}.so`);
  const source = join(import.meta.dirname, `fixtures/${name}.c`);
  const { status } = spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-fno-builtin', ...options, '-o', library, source], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${name}.c cannot be compiled: gcc ended with ${status}`);
  return library;
}

/**
 * How Node is started under gcc's ThreadSanitizer, which wants memory at addresses that are not random. Only what was compiled
 * with it is looked at: Node was not.
 */
function nodeUnderThreadSanitizer(log: string, libraries: string[]): string[] {
  const runtime = spawnSync('gcc', ['-print-file-name=libtsan.so'], { encoding: 'utf8' }).stdout.trim();
  const { TSAN_OPTIONS } = RUN.thread(log);
  const options = `${TSAN_OPTIONS}:ignore_noninstrumented_modules=1:report_thread_leaks=0`;
  const preload = [runtime, ...libraries].join(':');
  return ['-R', 'env', `LD_PRELOAD=${preload}`, `TSAN_OPTIONS=${options}`, process.execPath];
}

/** Runs the package's tests with worker threads under ThreadSanitizer. */
async function checkThreads(): Promise<void> {
  const title = 'Node under ThreadSanitizer';
  const addon = buildAddon('thread');
  const runtime = compile('runtime');
  const race = compile('race', '-fsanitize=thread');
  const findsRace = (): boolean => {
    const folder = freshFolder('thread', 'canary');
    const start = nodeUnderThreadSanitizer(join(folder, 'report'), [runtime, race]);
    const { status } = spawnSync('setarch', [...start, '--eval', ''], { env: { ...process.env, NODE_OPTIONS: '' } });
    return status === 99 && reports(folder).length === 1;
  };
  // As in `check`, which makes the folder anew.
  const log = join(work('thread'), `reports-${title.replaceAll(' ', '-')}`, 'report');
  const start = nodeUnderThreadSanitizer(log, [runtime]);
  const tests = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...THREADS_TESTS];
  await check(title, 'thread', 'setarch', [...start, ...tests], { SHAREABLE_ADDON: addon }, findsRace);
}

/** Ends worker threads whose buffers were moved to the main thread, on one Node; see the program. */
async function endWorkers(major: number, path: string, exits: number): Promise<void> {
  const title = `Node ${major}, ${exits} exits of workers`;
  console.log(`\n── ${title}`);
  const start = performance.now();
  const canary = findsCanary('address');
  const folder = freshFolder('address', `workers-${major}`);
  const { code, output } = await run(path, [join(import.meta.dirname, 'fixtures/worker-exits.mjs'), String(exits)], {
    ...RUN.address(join(folder, 'report')),
    ...addonEnvironment,
    NODE_OPTIONS: '',
    SHAREABLE: import.meta.resolve('shareable'),
  });
  const found = reports(folder);
  const isRight = code === 0 && output.includes(`{"exits":${exits},"wrong":0,"moved":${exits},`);
  const seconds = Math.round((performance.now() - start) / 1000);
  const passed = isRight ? 1 : 0;
  rows.push({ what: title, canary: canary ? 'found' : 'missed', passed, reports: found.length, seconds });
  if (!canary) failures.push(`${title}: the sanitizer does not find the defect that was put there for it`);
  if (!isRight) failures.push(`${title}: ended with ${code}, printing ${output.slice(-500)}`);
  failures.push(...found.map((text) => `${title}:\n${text.slice(0, 6000)}`));
}

const addonEnvironment =
  chosen.has('node') || chosen.has('workers')
    ? { LD_PRELOAD: asanRuntime(), SHAREABLE_ADDON: buildAddon('address') }
    : {};
if (chosen.has('node')) {
  await check(
    'Node under AddressSanitizer',
    'address',
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...NODE_TESTS],
    addonEnvironment,
  );
}
if (chosen.has('threads')) await checkThreads();
if (chosen.has('workers')) {
  const majors = new Set(flags.nodes.split(',').map(Number));
  for (const { major, path } of nodes) {
    if (path !== undefined && majors.has(major)) await endWorkers(major, path, flags.exits);
  }
}
report('sanitizers', rows, {}, failures);
