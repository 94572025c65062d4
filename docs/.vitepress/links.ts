/** Makes the links of Markdown files, which work in the repository, work on the site. */
import { posix } from 'node:path';

import type { MarkdownRenderer } from 'vitepress';

import { follow } from '../../scripts/home.ts';
import { groups, sources } from './pages.ts';

type Tokens = ReturnType<MarkdownRenderer['parse']>;
type Token = Tokens[number];

/** The docstrings name pages as they are called in the repository. */
const NAMED_PAGE = /^(?:docs\/)?([\w-]+)\.md$/;

function rewrite(token: Token, attribute: 'href' | 'src', file: string, depth: string): void {
  const link = token.attrGet(attribute);
  const target = link === null ? undefined : follow(file, link);
  if (target === undefined) return;
  if ('page' in target) token.attrSet(attribute, `${depth}${target.page}.md${target.hash}`);
  else if ('picture' in target) token.attrSet(attribute, `./${target.picture}`);
  else token.attrSet(attribute, target.repository);
}

/** A link that says `docs/lock.md` in the repository says "Locks" on the site. */
function nameByTitle(text: Token | undefined): void {
  const name = text?.type === 'text' ? NAMED_PAGE.exec(text.content)?.[1] : undefined;
  const title = groups.flatMap(({ pages }) => pages).find((page) => page.name === name)?.title;
  if (text !== undefined && title !== undefined) text.content = title;
}

/** Returns a link around `inner`. */
function linkTo(href: string, inner: Token, make: (type: string, tag: string, nesting: 1 | -1) => Token): Token[] {
  const open = make('link_open', 'a', 1);
  open.attrSet('href', href);
  return [open, inner, make('link_close', 'a', -1)];
}

export function links(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', (state) => {
    const page = (state.env as { relativePath?: string }).relativePath ?? '';
    const isReference = page.startsWith('api/');
    const file = isReference ? undefined : sources.get(page.replace(/\.md$/, ''));
    const depth = './'.concat('../'.repeat(page.split('/').length - 1));
    for (const { children } of state.tokens) {
      if (children === null) continue;
      if (file !== undefined) {
        for (const [i, token] of children.entries()) {
          if (token.type === 'link_open') {
            rewrite(token, 'href', file, depth);
            nameByTitle(children[i + 1]);
          }
          if (token.type === 'image') rewrite(token, 'src', file, depth);
        }
      } else if (isReference) {
        children.splice(
          0,
          children.length,
          ...children.flatMap((token) => {
            const name = token.type === 'code_inline' ? NAMED_PAGE.exec(token.content)?.[1] : undefined;
            if (name === undefined || !sources.has(name)) return [token];
            return linkTo(posix.join(depth, `${name}.md`), token, (...args) => new state.Token(...args));
          }),
        );
      }
    }
  });
}
