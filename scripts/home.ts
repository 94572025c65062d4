/**
 * Where the project lives. The root's `package.json` names the repository; everything else follows from it: the nine published
 * manifests (`manifests.ts`), the site's address, and the absolute links of the README on npm.
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  repository: { type: string; url: string };
};
const [, owner, project] = /^git\+https:\/\/github\.com\/([\w-]+)\/([\w.-]+)\.git$/.exec(repository.url) ?? [];
if (owner === undefined || project === undefined) {
  throw new Error(`package.json names the repository ${repository.url}, not git+https://github.com/OWNER/NAME.git`);
}

/** The repository's address, without a slash at the end. */
export const repositoryUrl: string = `https://github.com/${owner}/${project}`;
export const bugsUrl: string = `${repositoryUrl}/issues`;
/** The site's path on its host, with a slash at both ends: GitHub Pages serves a project below its owner's host. */
export const siteBase: string = `/${project}/`;
export const siteUrl: string = `https://${owner.toLowerCase()}.github.io${siteBase}`;

/** The `repository` field of the package in a folder of the repository. */
export function repositoryField(directory: string): { type: string; url: string; directory: string } {
  return { ...repository, directory };
}

/** Files outside of `docs/` that are pages of the site, with the names of their pages. */
export const outside: Readonly<Record<string, string>> = {
  'README.md': 'start',
  'SECURITY.md': 'security',
  'ARCHITECTURE.md': 'architecture',
  'CONTRIBUTING.md': 'contributing',
  'benches/GOALS.md': 'goals',
  ...Object.fromEntries(
    globSync('examples/*/README.md', { cwd: root })
      .map((file) => file.replaceAll('\\', '/'))
      .map((file) => [file, `example-${file.split('/')[1]}`]),
  ),
};

/** Returns the site's page that shows a file of the repository, such as `lifetime` for `docs/lifetime.md`. */
export function pageOf(file: string): string | undefined {
  if (/^docs\/[\w-]+\.md$/.test(file)) return posix.basename(file, '.md');
  const page = outside[file] ?? outside[posix.join(file, 'README.md')];
  return page;
}

/**
 * Returns where a link of a Markdown file leads: to a page of the site, to a picture in `docs/`, or to the repository.
 * Returns undefined for absolute links and for links within the page. Throws for a link to a file that does not exist.
 */
export function follow(
  file: string,
  link: string,
): { page: string; hash: string } | { picture: string } | { repository: string } | undefined {
  if (/^(?:[a-z]+:|#|\/)/i.test(link)) return undefined;
  const [path = '', hash] = link.split('#');
  const target = posix.join(posix.dirname(file), path);
  if (!existsSync(join(root, target))) throw new Error(`${file} links to ${link}, which does not exist`);
  const page = pageOf(target);
  if (page !== undefined) return { page, hash: hash === undefined ? '' : `#${hash}` };
  if (/^docs\/.*\.(?:svg|png)$/.test(target)) return { picture: target.slice('docs/'.length) };
  const kind = statSync(join(root, target)).isDirectory() ? 'tree' : 'blob';
  return { repository: `${repositoryUrl}/${kind}/main/${target}${hash === undefined ? '' : `#${hash}`}` };
}

/** Returns the absolute address of a link of a Markdown file; an absolute link as it is. */
export function absolute(file: string, link: string): string {
  if (link.startsWith('#')) return link;
  const target = follow(file, link);
  if (target === undefined) return link;
  if ('page' in target) return `${siteUrl}${target.page}${target.hash}`;
  return 'picture' in target ? `${repositoryUrl}/raw/main/docs/${target.picture}` : target.repository;
}
