/**
 * The TypeScript of tests and examples as JavaScript that Node 20 understands, in a folder that has the same tree: older
 * Nodes know neither types nor `using`. The environment tells `old-node.mjs` where each file is.
 */
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { transformSync } from 'rolldown/utils';

const root = join(import.meta.dirname, '../../../..');

/** Translates all files. Returns the folder. */
export function makeMirror(): string {
  const mirror = mkdtempSync(join(tmpdir(), 'shareable-mirror-'));
  // Some tests run as another user.
  chmodSync(mirror, 0o755);
  for (const path of globSync('{test,examples}/**/*.ts', { cwd: root, exclude: (name) => name === 'node_modules' })) {
    const source = readFileSync(join(root, path), 'utf8');
    const { code, map, errors } = transformSync(path, source, { target: 'es2022', sourcemap: true });
    if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join('; ')}`);
    const inline = Buffer.from(JSON.stringify({ ...map, sources: [pathToFileURL(join(root, path)).href] })).toString(
      'base64',
    );
    const target = join(mirror, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${code}\n//# sourceMappingURL=data:application/json;base64,${inline}\n`);
  }
  return mirror;
}
