// Puts into a package what every one of ours holds and the repository has once: the licence, and into the main package
// the README, into those of the platforms the licences of what is in the binaries.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const folder = process.cwd();
const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
if (name === 'shareable') {
  // Of the README what holds without the repository: links into it lead nowhere from here.
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
    .replace(/^## The demo and the tests\n[^]*(?=^MIT$)/m, '')
    .replaceAll(/\[([^\]]+)\]\((?!https?:)[^)]+\)/g, '`$1`');
  writeFileSync(join(folder, 'README.md'), readme);
} else {
  copyFileSync(join(root, 'THIRD-PARTY.md'), join(folder, 'THIRD-PARTY.md'));
}
