/** The packages of the platforms, each of which says where its binaries are. */

/** Where the binaries of a platform are. */
export interface Binaries {
  /** The path of the addon. */
  readonly addon: string;
  /** The path of the helper executable. */
  readonly helper: string;
  /** The version of the package that they come from, if they come from one. */
  readonly version?: string | undefined;
}

/**
 * Requires the package of a platform. Every name is written out, because bundlers and file tracers follow only literals.
 *
 * @throws what `require` throws when the package is not installed, or when a bundler has moved this code away from it
 */
export function requirePlatformPackage(platform: string): Binaries | undefined {
  switch (platform) {
    case 'linux-x64-gnu':
      return require('@shareable/linux-x64-gnu') as Binaries;
    case 'linux-x64-musl':
      return require('@shareable/linux-x64-musl') as Binaries;
    case 'linux-arm64-gnu':
      return require('@shareable/linux-arm64-gnu') as Binaries;
    case 'linux-arm64-musl':
      return require('@shareable/linux-arm64-musl') as Binaries;
    case 'darwin-x64':
      return require('@shareable/darwin-x64') as Binaries;
    case 'darwin-arm64':
      return require('@shareable/darwin-arm64') as Binaries;
    case 'win32-x64-msvc':
      return require('@shareable/win32-x64-msvc') as Binaries;
    case 'win32-arm64-msvc':
      return require('@shareable/win32-arm64-msvc') as Binaries;
    default:
      return undefined;
  }
}
