/** The platforms with binaries. */

/** One of them. */
export interface Target {
  /** As in the name of its package, `@shareable/<name>`. */
  readonly name: string;
  /** As Rust knows it. */
  readonly triple: string;
  readonly os: 'linux' | 'darwin' | 'win32';
  readonly cpu: 'x64' | 'arm64';
  /** The C library, on Linux. */
  readonly libc?: 'gnu' | 'musl';
}

export const targets: readonly Target[] = [
  { name: 'linux-x64-gnu', triple: 'x86_64-unknown-linux-gnu', os: 'linux', cpu: 'x64', libc: 'gnu' },
  { name: 'linux-x64-musl', triple: 'x86_64-unknown-linux-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-gnu', triple: 'aarch64-unknown-linux-gnu', os: 'linux', cpu: 'arm64', libc: 'gnu' },
  { name: 'linux-arm64-musl', triple: 'aarch64-unknown-linux-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { name: 'darwin-x64', triple: 'x86_64-apple-darwin', os: 'darwin', cpu: 'x64' },
  { name: 'darwin-arm64', triple: 'aarch64-apple-darwin', os: 'darwin', cpu: 'arm64' },
  { name: 'win32-x64-msvc', triple: 'x86_64-pc-windows-msvc', os: 'win32', cpu: 'x64' },
  { name: 'win32-arm64-msvc', triple: 'aarch64-pc-windows-msvc', os: 'win32', cpu: 'arm64' },
];

/** The target of that name or triple. */
export function findTarget(nameOrTriple: string): Target {
  const target = targets.find(({ name, triple }) => name === nameOrTriple || triple === nameOrTriple);
  if (target === undefined) {
    throw new Error(`'${nameOrTriple}' is no target; there are: ${targets.map(({ name }) => name).join(', ')}`);
  }
  return target;
}

/** The file names that a target's package has. */
export function filesOf(target: Target): { addon: string; helper: string } {
  return {
    addon: `shareable.${target.name}.node`,
    helper: target.os === 'win32' ? 'shareable-helper.exe' : 'shareable-helper',
  };
}

/** What Cargo names the addon. */
export function libraryOf(target: Target): string {
  if (target.os === 'win32') return 'shareable_binding.dll';
  return target.os === 'darwin' ? 'libshareable_binding.dylib' : 'libshareable_binding.so';
}

/** The newest glibc that the Linux addons may need, that of CentOS 7. */
export const GLIBC_FLOOR = '2.17';

/** The oldest macOS that the binaries must run on: the oldest that Rust and Node 20 run on. */
export const MACOS_FLOOR = { x64: '10.15', arm64: '11.0' } as const;
