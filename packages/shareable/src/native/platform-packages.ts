/** The packages of the platforms, each of which says where its binaries are. */

/** Where the binaries of a platform are. */
export interface Binaries {
  /** The path of the addon. */
  readonly addon: string;
  /** The path of the helper executable. */
  readonly helper: string;
}

declare const __webpack_require__: unknown;

/**
 * Requires the package of a platform; `undefined` when it is not installed, or when a bundler has moved this code. The form
 * matters: file tracers follow only names that are written out, and esbuild reports what is missing unless it is in a `try`.
 */
export function requirePlatformPackage(platform: string): Binaries | undefined {
  try {
    // webpack and rspack know the answer, and do not warn of the seven packages that are not installed.
    if (typeof __webpack_require__ === 'undefined') {
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
      }
    }
  } catch {
    // Every runtime and package manager has its own error for what is not installed.
  }
  return undefined;
}
