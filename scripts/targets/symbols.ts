/** Checks the libraries and symbols that the binaries need. */
import { ask } from './commands.ts';
import type { Target } from './targets.ts';
import { GLIBC_FLOOR } from './targets.ts';

/** Libraries that every system with Node has. musl's has two names. */
const ALLOWED = {
  gnu: /^(?:libc|libm|libdl|librt|libpthread|libutil|libgcc_s|ld-linux-x86-64|ld-linux-aarch64)\.so\.\d+$/,
  musl: /^(?:libc\.so|libc\.musl-\w+\.so\.1|libgcc_s\.so\.1)$/,
};

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

/** The libraries that a binary names. */
function librariesOf(path: string): string[] {
  return [...ask('readelf', ['--dynamic', '--wide', path]).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(
    ([, name = '']) => name,
  );
}

/** Returns the newest glibc whose symbols a binary needs, or `undefined`. */
export function glibcOf(path: string): string | undefined {
  const versions = ask('readelf', ['--version-info', '--wide', path]).matchAll(/Name: GLIBC_(\d[\d.]*)/g);
  return [...versions]
    .map(([, version = '']) => version)
    .toSorted((a, b) => (isNewer(a, b) ? 1 : -1))
    .at(-1);
}

/** Fails if a Linux binary needs more than its target systems have. */
export function checkSymbols(target: Target, addon: string, helper: string): void {
  if (target.libc === undefined) return;
  const { libc } = target;
  const strange = librariesOf(addon).filter((name) => !ALLOWED[libc].test(name));
  if (strange.length > 0) throw new Error(`${addon} needs ${strange.join(', ')}`);
  const glibc = glibcOf(addon);
  if (glibc !== undefined && (libc === 'musl' || isNewer(glibc, GLIBC_FLOOR))) {
    throw new Error(`${addon} needs glibc ${glibc}`);
  }
  const needed = librariesOf(helper);
  if (needed.length > 0) throw new Error(`${helper} is not static: it needs ${needed.join(', ')}`);
}
