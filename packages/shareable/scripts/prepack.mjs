// Puts into a package what every one of ours holds and the repository has once: the licence, and into the main package
// the README, into those of the platforms the licences of what is in the binaries.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
  // Of the README what holds without the repository: links into it lead nowhere from here.
  const readme = read('README.md')
    .replaceAll(/^!\[[^\]]*\]\((?!https?:).*\)\n\n/gm, '')
    .replace(/^## The demo and the tests\n[^]*(?=^MIT$)/m, '')
    .replaceAll(/\[([^\]]+)\]\((?!https?:)[^)]+\)/g, '`$1`');
  put('README.md', readme);
} else {
  put('THIRD-PARTY.md', read('THIRD-PARTY.md'));
}
