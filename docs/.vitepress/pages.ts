/** The pages of the site, in the order of the sidebar. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { DefaultTheme } from 'vitepress';

import { outside, root } from '../../scripts/home.ts';

const docs = join(root, 'docs');

/** A group of the sidebar: the pages with their short titles. */
interface Group {
  readonly title: string;
  readonly pages: Readonly<Record<string, string>>;
}

const GROUPS: readonly Group[] = [
  { title: 'Start here', pages: { start: 'Getting started', choosing: 'Which class to use' } },
  {
    title: 'Concepts',
    pages: {
      lifetime: 'Lifetime',
      views: 'Views',
      lock: 'Locks',
      channel: 'Channels',
      primitives: 'Values, semaphores and others',
      manager: 'Managers',
      arrays: 'Arrays',
      arrow: 'Arrow tables',
      python: 'Python',
      scaling: 'Scaling',
    },
  },
  {
    title: 'Guides',
    pages: {
      loading: 'Loading',
      recipes: 'Recipes',
      containers: 'Containers and hosts',
      observability: 'Observability',
      cli: 'The command line',
    },
  },
  {
    title: 'Examples',
    pages: {
      'example-flights': 'Three million flights',
      'example-pipeline': 'A pipeline over channels',
      'example-cluster': 'Several machines',
    },
  },
  {
    title: 'Facts',
    pages: {
      performance: 'Performance',
      goals: 'Goals and what misses them',
      platforms: 'Platforms',
      reliability: 'Reliability',
      errors: 'Errors and remedies',
      security: 'Security',
    },
  },
  { title: 'Contributing', pages: { contributing: 'Contributing', architecture: 'Architecture' } },
];

/** A page with its source. */
export interface Page {
  readonly name: string;
  /** The path of its source in the repository. */
  readonly file: string;
  readonly title: string;
  readonly text: string;
}

/** The source of each page, by the name of the page. */
export const sources: ReadonlyMap<string, string> = new Map([
  ...readdirSync(docs)
    .filter((file) => file.endsWith('.md') && !file.startsWith('[') && file !== 'index.md')
    .map((file) => [file.slice(0, -3), `docs/${file}`] as const),
  ...Object.entries(outside).map(([file, page]) => [page, file] as const),
]);

function heading(text: string): string {
  return /^# (.+)$/m.exec(text)?.[1]?.replaceAll('`', '') ?? '';
}

/** What the README says to those who read it in the repository, and the page does not need. */
function asGettingStarted(readme: string): string {
  return readme
    .replace(/^# .*$/m, '# Getting started')
    .replace(/^## Documentation\n[^]*?(?=^## )/m, '')
    .replace(/^## License\n[^]*/m, '');
}

function pageOf(name: string, title?: string): Page | undefined {
  const file = sources.get(name);
  if (file === undefined) return undefined;
  const source = readFileSync(join(root, file), 'utf8');
  const text = file === 'README.md' ? asGettingStarted(source) : source;
  return { name, file, title: title ?? heading(text), text };
}

/** The group of a page that no group names. */
const groupOf = (name: string): string => (name.startsWith('example-') ? 'Examples' : 'Guides');

/** The groups with their pages. A page that no group names is an example or a guide, under its own heading. */
export const groups: readonly { title: string; pages: Page[] }[] = GROUPS.map(({ title, pages }) => {
  const named = new Set(GROUPS.flatMap((group) => Object.keys(group.pages)));
  const rest = [...sources.keys()].filter((name) => !named.has(name) && groupOf(name) === title).toSorted();
  const found = [
    ...Object.entries(pages).map(([name, short]) => pageOf(name, short)),
    ...rest.map((name) => pageOf(name)),
  ];
  return { title, pages: found.filter((page) => page !== undefined) };
});

export const sidebar: DefaultTheme.SidebarItem[] = groups.map(({ title, pages }) => ({
  text: title,
  items: pages.map((page) => ({ text: page.title, link: `/${page.name}` })),
}));

/** Lists the errors apart from the classes that programs create, and opens only the latter. */
function withErrorsApart(items: DefaultTheme.SidebarItem[]): DefaultTheme.SidebarItem[] {
  const isError = (member: DefaultTheme.SidebarItem): boolean => member.text?.endsWith('Error') === true;
  return items.flatMap(({ text = '', items: members = [] }) => {
    if (text !== 'Classes') return [{ text, items: members, collapsed: true }];
    return [
      { text, items: members.filter((member) => !isError(member)), collapsed: false },
      { text: 'Errors', items: members.filter(isError), collapsed: true },
    ];
  });
}

/** The sidebar of the reference, as typedoc wrote it: the main entry, then those of the other entries, which are nested in it. */
export function referenceSidebar(): DefaultTheme.SidebarItem[] {
  const written = JSON.parse(
    readFileSync(join(docs, 'api/typedoc-sidebar.json'), 'utf8'),
  ) as DefaultTheme.SidebarItem[];
  return written.flatMap(({ text: main = '', link = '', items = [] }) => {
    const own = { text: main, link, items: withErrorsApart(items.filter((item) => item.link === undefined)) };
    const others = items.flatMap(({ text, link: entry, items: members = [] }) =>
      entry === undefined ? [] : [{ text: `${main}/${text}`, link: entry, items: members, collapsed: true }],
    );
    return [own as DefaultTheme.SidebarItem].concat(others);
  });
}
