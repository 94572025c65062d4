/** Explains why the addon is missing or does not load, and what to do about it. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const TARGETS = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
];

/** What helps where an installation is not right. */
export const AGAIN = 'Install again here: remove node_modules, then install with optional dependencies.';

/** Explains why no addon for the platform `name` is installed. */
export function explainAbsence(name: string, isInstalled: (target: string) => boolean): string {
  if (!TARGETS.includes(name)) {
    return (
      `shareable has no binaries for ${name}; it has them for ${TARGETS.join(', ')}. ` +
      'Build it from source, and set SHAREABLE_ADDON and SHAREABLE_HELPER to the results.'
    );
  }
  const missing = `the package @shareable/${name} is not installed`;
  const [os, cpu] = name.split('-') as [string, string];
  const installed = TARGETS.filter(isInstalled);
  const elsewhere = installed.map((target) => `@shareable/${target}`).join(', ');
  if (installed.some((target) => target.startsWith(`${os}-${cpu}-`))) {
    const libc = (target: string) => (target.endsWith('-musl') ? 'musl' : 'glibc');
    return (
      `${missing}, but ${elsewhere} is: this system's C library is ${libc(name)}, and node_modules was installed for ` +
      `the other one (musl is that of Alpine). ${AGAIN}`
    );
  }
  if (installed.some((target) => target.startsWith(`${os}-`))) {
    const rosetta = os === 'darwin' ? ' (on an Apple processor, one for x64 runs under Rosetta)' : '';
    return (
      `${missing}, but ${elsewhere} is: this Node is built for ${cpu} processors, and node_modules was installed by one ` +
      `for others${rosetta}. Use one Node for both; 'node -p process.arch' tells which. ${AGAIN}`
    );
  }
  if (installed.length > 0) {
    return `${missing}, but ${elsewhere} is: node_modules was installed on another system. ${AGAIN}`;
  }
  return (
    `${missing}. It is an optional dependency of shareable, and is left out by --omit=optional, --no-optional, or a ` +
    'lockfile that was written on another platform without it. Install with optional dependencies; if it is still ' +
    'missing then, remove node_modules and the lockfile, and install again.'
  );
}

/** Explains why a bundle finds no addon for `platform`. `file`: the bundle; `helper`: the name of the helper executable. */
export function explainBundle(platform: string, file: string | undefined, helper: string): string {
  return (
    `the bundle ${file ?? ''} finds no binaries of shareable: @shareable/${platform} is in no node_modules beside or above ` +
    'it, nor beside or above the program. Do one of three things. Install shareable where the bundle runs. Or copy ' +
    `shareable.${platform}.node and ${helper} from that package into the folder of the bundle. Or keep shareable out of ` +
    "the bundle, by esbuild's --external:shareable, webpack's and rspack's externals: { shareable: 'commonjs shareable' }, " +
    "rollup's and rolldown's external: ['shareable'], Vite's ssr.external: ['shareable'], or Next's " +
    "serverExternalPackages: ['shareable']. docs/loading.md has each tool."
  );
}

/** Reads from its first bytes what a library is built for. Returns `undefined` for any other file. */
function readTarget(path: string): { system: string; cpus: string[] } | undefined {
  const header = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  const length = readSync(file, header);
  closeSync(file);
  if (length < 64) return undefined;
  const cpuOf = (code: number, names: Record<number, string>) => names[code] ?? `unknown (${code})`;
  if (header.readUInt32BE(0) === 0x7f454c46) {
    return {
      system: 'linux',
      cpus: [cpuOf(header.readUInt16LE(18), { 62: 'x64', 183: 'arm64', 3: 'ia32', 40: 'arm' })],
    };
  }
  const machO = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
  if (header.readUInt32LE(0) === 0xfeedfacf) return { system: 'darwin', cpus: [cpuOf(header.readUInt32LE(4), machO)] };
  if (header.readUInt32BE(0) === 0xcafebabe) {
    const count = Math.min(header.readUInt32BE(4), 8);
    const cpus = Array.from({ length: count }, (_, i) => cpuOf(header.readUInt32BE(8 + 20 * i), machO));
    return { system: 'darwin', cpus };
  }
  const pe = header.readUInt32LE(60);
  if (header.toString('latin1', 0, 2) === 'MZ' && pe + 6 <= length && header.readUInt32BE(pe) === 0x50450000) {
    return {
      system: 'win32',
      cpus: [cpuOf(header.readUInt16LE(pe + 4), { 0x8664: 'x64', 0xaa64: 'arm64', 0x14c: 'ia32' })],
    };
  }
  return undefined;
}

/** Returns the C library that a Linux library needs, by the names in it. */
function readLibc(path: string): 'musl' | 'glibc' | undefined {
  const bytes = readFileSync(path);
  // Alpine's linker writes the first name, musl-gcc on other systems the second.
  if (bytes.includes('\0libc.musl-') || bytes.includes('\0libc.so\0')) return 'musl';
  return bytes.includes('\0libc.so.6\0') ? 'glibc' : undefined;
}

function explainFile(name: string, path: string, message: string): string | undefined {
  const [os, cpu] = name.split('-') as [string, string];
  const target = readTarget(path);
  if (target === undefined) {
    return 'the file is not a library: an interrupted download, or a placeholder of a version control system.';
  }
  if (target.system !== os) return `it is built for ${target.system}, and this is ${os}.`;
  if (!target.cpus.includes(cpu)) {
    return `it is built for ${target.cpus.join(' and ')} processors, and this Node is one for ${cpu}.`;
  }
  if (os !== 'linux') return undefined;
  const own = name.endsWith('-musl') ? 'musl' : 'glibc';
  const libc = readLibc(path);
  if (libc !== undefined && libc !== own) {
    return `it is built for the C library ${libc}, and this system's is ${own} (musl is that of Alpine).`;
  }
  const [, needed] = /GLIBC_([\d.]+)['`’]? not found/.exec(message) ?? [];
  if (needed !== undefined) {
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    const actual = report?.header?.glibcVersionRuntime ?? 'older';
    return `it needs glibc ${needed}, and this system's is ${actual}. Use a newer system, or build from source on this one.`;
  }
  if (message.includes('failed to map segment')) {
    return 'it lies on a file system that allows no executables (mounted noexec). Install elsewhere, or mount it with exec.';
  }
  return undefined;
}

/** Explains why the addon at `path` does not load on the platform `name`. `isChosen`: SHAREABLE_ADDON names it. */
export function explainFailure(name: string, path: string, isChosen: boolean, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const subject = isChosen ? `the addon that SHAREABLE_ADDON names, ${path},` : `the addon of shareable, ${path},`;
  const fails = `${subject} does not load`;
  if ((cause as NodeJS.ErrnoException | null)?.code === 'ERR_DLOPEN_DISABLED') {
    return `${fails}: Node was started with --no-addons, or with --permission and without --allow-addons.`;
  }
  let reason: string | undefined;
  try {
    reason = explainFile(name, path, message);
  } catch (unreadable) {
    reason = `the file cannot be read: ${(unreadable as Error).message}.`;
  }
  if (reason === undefined) return `${fails}: ${message}`;
  const advice = isChosen ? 'Correct or unset SHAREABLE_ADDON.' : AGAIN;
  return `${fails}: ${reason}${/\b(?:Use|Install) /.test(reason) ? '' : ` ${advice}`}`;
}
