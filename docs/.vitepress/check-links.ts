/** Checks the built site: every link within it leads to a file, and to a place in that file. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Returns one line for each broken link. */
export function brokenLinks(folder: string, base: string): string[] {
  const pages = globSync('**/*.html', { cwd: folder }).map((page) => page.replaceAll('\\', '/'));
  const html = new Map(pages.map((page) => [page, readFileSync(join(folder, page), 'utf8')]));
  const places = new Map(
    [...html].map(([page, text]) => [page, new Set(Array.from(text.matchAll(/ id="([^"]+)"/g), ([, id]) => id))]),
  );

  /** Returns the file that GitHub Pages serves for a path. */
  function serve(path: string): string | undefined {
    const candidates = path === '' || path.endsWith('/') ? [`${path}index.html`] : [path, `${path}.html`];
    return candidates.find((file) => existsSync(join(folder, file)) && statSync(join(folder, file)).isFile());
  }

  return [...html].flatMap(([page, text]) =>
    Array.from(text.matchAll(/ (?:href|src)="([^"]+)"/g), ([, link = '']) => link.replaceAll('&amp;', '&'))
      .filter((link) => !/^[a-z]+:/i.test(link))
      .flatMap((link) => {
        const { pathname, hash } = new URL(link, `http://site${posix.join(base, page.replace(/(index)?\.html$/, ''))}`);
        const file = pathname.startsWith(base) ? serve(decodeURI(pathname.slice(base.length))) : undefined;
        if (file === undefined) return [`${page}: ${link} leads nowhere`];
        const place = decodeURIComponent(hash.slice(1));
        if (place === '' || places.get(file)?.has(place) !== false) return [];
        return [`${page}: ${link} leads to no place of ${file}`];
      }),
  );
}
