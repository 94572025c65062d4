/** Writes the site for language models: `llms.txt` lists the pages, and `llms-full.txt` contains them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { absolute, root, siteUrl } from '../../scripts/home.ts';
import { groups } from './pages.ts';

/** Returns a page with links that work from anywhere. */
function withAbsoluteLinks(text: string, file: string): string {
  return text.replaceAll(/(\]\()([^)\s]+)(\))/g, (_, start: string, link: string, end: string) =>
    [start, absolute(file, link), end].join(''),
  );
}

/** Returns the first paragraph of prose, as one line. */
function summary(text: string): string {
  const paragraphs = text.replaceAll(/^```[^]*?^```$/gm, '').split(/\n{2,}/);
  return (
    paragraphs
      .find((paragraph) => /^[A-Z`][^|]*\w/.test(paragraph))
      ?.replaceAll(/\s+/g, ' ')
      .trim() ?? ''
  );
}

export function writeForModels(folder: string): void {
  const { description } = JSON.parse(readFileSync(join(root, 'packages/shareable/package.json'), 'utf8')) as {
    description: string;
  };
  const title = `# shareable\n\n> ${description}\n`;
  const index = groups.map(({ title: group, pages }) => {
    const lines = pages.map(({ name, file, title: page, text }) => {
      return `- [${page}](${siteUrl}${name}): ${withAbsoluteLinks(summary(text), file)}`;
    });
    return `## ${group}\n\n${lines.join('\n')}\n`;
  });
  const reference = `## Reference\n\n- [API reference](${siteUrl}api/): every class, method and type\n`;
  writeFileSync(join(folder, 'llms.txt'), [title, ...index, reference].join('\n'));
  const full = groups.flatMap(({ pages }) =>
    pages.map(({ name, file, text }) => `<!-- ${siteUrl}${name} -->\n\n${withAbsoluteLinks(text, file).trim()}\n`),
  );
  writeFileSync(join(folder, 'llms-full.txt'), [title, ...full].join('\n'));
}
