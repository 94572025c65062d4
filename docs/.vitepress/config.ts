import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig } from 'vitepress';

import { repositoryUrl, root, siteBase, siteUrl } from '../../scripts/home.ts';
import { brokenLinks } from './check-links.ts';
import { links } from './links.ts';
import { writeForModels } from './llms.ts';
import { referenceSidebar, sidebar, sources } from './pages.ts';

const SAMPLE = readFileSync(join(root, 'examples/tutorial/lock.ts'), 'utf8');

export default defineConfig({
  title: 'shareable',
  description:
    'Named shared memory for Node.js, Bun and Deno: processes read and write the same bytes without copying them',
  lang: 'en',
  base: siteBase,
  cleanUrls: true,
  sitemap: { hostname: siteUrl },
  head: [
    ['link', { rel: 'icon', href: `${siteBase}logo.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'theme-color', content: '#d55e00' }],
  ],
  markdown: {
    config: links,
    theme: { light: 'github-light', dark: 'github-dark' },
    shikiSetup: async (shiki) => {
      // The first lines compile the grammar. A slow machine would reach the time limit for a line and colour it wrongly.
      await shiki.loadLanguage('ts');
      for (const theme of ['github-light', 'github-dark']) {
        shiki.codeToTokens(SAMPLE, { lang: 'ts', theme, tokenizeTimeLimit: 0 });
      }
    },
  },
  // A link to a page that does not exist fails the build.
  ignoreDeadLinks: false,
  transformPageData: (page) => {
    // The reference is generated from docstrings.
    if (page.relativePath.startsWith('api/')) return { frontmatter: { ...page.frontmatter, editLink: false } };
    const source = sources.get(page.relativePath.replace(/\.md$/, ''));
    return { filePath: source ?? `docs/${page.filePath}` };
  },
  buildEnd: ({ outDir }) => {
    writeForModels(outDir);
    // VitePress checks the pages that links lead to, but not the places in them.
    const broken = brokenLinks(outDir, siteBase);
    if (broken.length > 0) throw new Error(`broken links:\n${broken.join('\n')}`);
  },
  themeConfig: {
    logo: '/logo.svg',
    nav: [
      { text: 'Guide', link: '/start', activeMatch: '^/(?!api/|performance).+' },
      { text: 'Reference', link: '/api/', activeMatch: '^/api/' },
      { text: 'Performance', link: '/performance' },
    ],
    sidebar: { '/api/': referenceSidebar(), '/': sidebar },
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repositoryUrl }],
    editLink: { text: 'Edit this page', pattern: `${repositoryUrl}/edit/main/:path` },
    footer: { message: 'MIT licensed' },
  },
});
