// Puts the README and the licence into the package: of the README what holds without the repository.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const folder = join(import.meta.dirname, '..');

const readme = readFileSync(join(root, 'README.md'), 'utf8')
  .replace(/^## The demo and the tests\n[^]*(?=^MIT$)/m, '')
  // Links into the repository lead nowhere from here.
  .replaceAll(/\[([^\]]+)\]\((?!https?:)[^)]+\)/g, '`$1`');
writeFileSync(join(folder, 'README.md'), readme);
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
