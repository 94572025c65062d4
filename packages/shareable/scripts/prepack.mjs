// Copies the shared files of the repository into a package: the licence, and the README into the main package or the
// licences of linked crates into a platform's package.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { readmeForNpm } from '../../../scripts/npm-readme.ts';

const root = join(import.meta.dirname, '../../..');
const folder = process.cwd();
const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** By renaming: the package may be packed twice at once. */
function put(file, text) {
  const fresh = join(folder, `.${file}.${process.pid}`);
  writeFileSync(fresh, text);
  renameSync(fresh, join(folder, file));
}

function read(file) {
  return readFileSync(join(root, file), 'utf8');
}

put('LICENSE', read('LICENSE'));
if (name === 'shareable') {
  put('README.md', readmeForNpm(read('README.md')));
} else {
  put('THIRD-PARTY.md', read('THIRD-PARTY.md'));
}
