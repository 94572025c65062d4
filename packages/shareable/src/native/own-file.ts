/** Where this code is: in the package, or in a bundle that another tool made of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file in a frame of a stack. */
const FRAME = /(?:\(|at |@)(?:async )?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^\n]*?):\d+:\d+\)?$/m;

function findOwnFile(): string | undefined {
  // An ES module, which a bundler may have made of this code, has no such variable; and some bundlers put in another path.
  if (typeof __filename === 'string' && existsSync(__filename)) return __filename;
  const [, file] = FRAME.exec(new Error('for its stack').stack ?? '') ?? [];
  return file?.startsWith('file:') === true ? fileURLToPath(file) : file;
}

/** The path of the file that this code is in, or `undefined` where the runtime does not tell. */
export const ownFile: string | undefined = findOwnFile();

/** The folder of the package, or `undefined` in a bundle. The build puts this code into `dist/base.js`. */
export const ownPackage: string | undefined = findPackage();

function findPackage(): string | undefined {
  const found = /^(.*)[\\/]dist[\\/]base\.js$/.exec(ownFile ?? '')?.[1];
  return found !== undefined && existsSync(join(found, 'dist/core.js')) ? found : undefined;
}
