/**
 * Checks that the manifests of all published packages name the repository, the site and the place for bugs: npm shows them, and
 * a package without the right `repository` cannot be published with provenance. With --write it writes them.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bugsUrl, repositoryField, root, siteUrl } from './home.ts';

const folders = ['packages/shareable', ...globSync('packages/shareable/npm/*', { cwd: root })].map((folder) =>
  folder.replaceAll('\\', '/'),
);
const wrong: string[] = [];
for (const folder of folders) {
  const file = join(root, folder, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const wanted = { homepage: siteUrl, bugs: bugsUrl, repository: repositoryField(folder) };
  if (process.argv.includes('--write')) {
    const { name, version, description, keywords, license, homepage: _h, bugs: _b, repository: _r, ...rest } = manifest;
    const { homepage, bugs, repository } = wanted;
    const sorted = { name, version, description, keywords, homepage, bugs, license, repository, ...rest };
    writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
    continue;
  }
  for (const [field, value] of Object.entries(wanted)) {
    const [found, expected] = [manifest[field], value].map((one) => JSON.stringify(one));
    if (found !== expected) wrong.push(`${folder}/package.json: "${field}" is ${found}, not ${expected}`);
  }
}
if (wrong.length > 0) {
  for (const line of wrong) console.error(line);
  console.error('run `node scripts/manifests.ts --write`, which takes them from the root package.json');
  process.exitCode = 1;
} else {
  console.log(`${folders.length} manifests name ${repositoryField('').url}`);
}
