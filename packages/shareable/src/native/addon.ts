/** The loaded addon. */
import { fromNative } from '../errors.js';
import type { Direct } from './direct.js';
import { loadAddon } from './loader.js';
import type * as Native from './native.js';
import type { Binaries } from './platform-packages.js';

export type Binding = typeof Native & Direct;

/** The addon, and where it and the helper are. */
export const { addon, binaries } = loadAddon() as { addon: Binding; binaries: Binaries };

/** Wraps `fn` so that it throws our errors. */
export function translated<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    try {
      return fn(...args);
    } catch (thrown) {
      throw fromNative(thrown);
    }
  };
}
