/**
 * Looks at the built site in headless Chromium: every page renders, on a wide and on a narrow screen, without an error on the
 * console; the search finds a word; both colour schemes apply. `--screenshots FOLDER` keeps pictures of the main pages in both.
 * Build the site first: `pnpm docs:site`. It takes a minute, so this runs at night.
 */
import assert from 'node:assert/strict';
import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';

import { root, siteBase, siteUrl } from '../../../scripts/home.ts';
import { chromiumPath } from './chromium.ts';
import { serve } from './server.ts';

const { values } = parseArgs({ options: { screenshots: { type: 'string' } } });
const folder = join(root, 'docs/.vitepress/dist');
const paths = globSync('**/*.html', { cwd: folder })
  .map((page) => page.replaceAll('\\', '/').replace(/(?:(?<=^|\/)index)?\.html$/, ''))
  .filter((path) => path !== '404')
  .toSorted();
assert(paths.length > 100, `the site has ${paths.length} pages: run \`pnpm docs:site\``);

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const problems: string[] = [];

const server = await serve(folder, siteBase);
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-gpu'] });

/** Returns a tab that reports what goes wrong in it. */
async function openTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  const where = (): string => page.url().slice(server.url.length - 1);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`${where()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${where()}: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${where()}: ${response.status()} for ${response.url()}`);
  });
  return page;
}

async function go(page: Page, path: string): Promise<void> {
  await page.goto(server.url + path, { waitUntil: 'load' });
  // VitePress has taken over the rendered page when its script has put its application there.
  await page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}));
}

/** Returns the elements that are wider than the screen, outside of those that scroll. */
function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('main *')]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => `${element.tagName} ${element.textContent?.slice(0, 40) ?? ''}`)
      .slice(0, 3);
  });
}

async function checkPage(path: string, page: Page): Promise<void> {
  await go(page, path);
  const heading = await page.locator('h1').first().innerText();
  if (heading.trim() === '') problems.push(`/${path}: has no heading`);
  if ((await page.title()).trim() === '') problems.push(`/${path}: has no title`);
  for (const image of await page.locator('main img').all()) {
    await image.scrollIntoViewIfNeeded();
    const isLoaded = await image.evaluate(async (element: HTMLImageElement) => {
      await element.decode();
      return element.naturalWidth > 0;
    });
    if (!isLoaded) problems.push(`/${path}: ${await image.getAttribute('src')} does not load`);
  }
  const wide = await overflow(page);
  if (wide.length > 0) problems.push(`/${path}: wider than the screen: ${wide.join('; ')}`);
}

async function checkSearch(context: BrowserContext, word: string, expected: string): Promise<void> {
  const page = await openTab(context);
  await go(page, '');
  await page.keyboard.press('Control+k');
  await page.locator('#localsearch-input').fill(word);
  const links = page.locator('#localsearch-list a');
  await links.first().waitFor();
  const found = await links.evaluateAll((all) => all.map((link) => new URL((link as HTMLAnchorElement).href).pathname));
  if (!found.includes(siteBase + expected)) problems.push(`the search for ${word} finds ${found.join(', ')}`);
  await page.locator(`#localsearch-list a[href^="${siteBase}${expected}"]`).first().click();
  await page.waitForURL(`**${siteBase}${expected}**`);
  if (!(await page.locator('main').innerText()).includes(word)) problems.push(`${expected} does not show ${word}`);
  await page.close();
}

function checkTexts(): void {
  const index = readFileSync(join(folder, 'llms.txt'), 'utf8');
  const listed = Array.from(index.matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm), ([, url = '']) => url.slice(siteUrl.length));
  const guides = paths.filter((path) => path !== '' && !/^api\/./.test(path));
  assert.deepEqual(listed.toSorted(), guides, 'llms.txt lists every page and no others');
  const full = readFileSync(join(folder, 'llms-full.txt'), 'utf8');
  for (const text of [index, full])
    assert.deepEqual(text.match(/\]\((?!https?:|#|\)).*?\)/g), null, 'links are absolute');
  assert.match(full, /`guard\.recovered`/);
}

/** Checks that the paper of the page's first plot is as dark or light as the page. */
async function checkPlot(page: Page, isPageDark: boolean): Promise<void> {
  const picture = page.locator('.vp-doc img[src$=".svg"]').first();
  await picture.scrollIntoViewIfNeeded();
  // The appearance changes by a transition, during which a screenshot shows both.
  const isDark = async (): Promise<boolean> => {
    const png = (await picture.screenshot()).toString('base64');
    return page.evaluate(async (base64) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!;
      context.drawImage(bitmap, 0, 0);
      const [red = 0, green = 0, blue = 0] = context.getImageData(bitmap.width - 20, 20, 1, 1).data;
      return red + green + blue < 3 * 64;
    }, png);
  };
  const deadline = Date.now() + 10_000;
  while ((await isDark()) !== isPageDark) {
    if (Date.now() > deadline) {
      problems.push(`the plots are ${isPageDark ? 'light on a dark' : 'dark on a light'} page`);
      return;
    }
  }
}

async function takeScreenshots(destination: string): Promise<void> {
  mkdirSync(destination, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const context = await browser.newContext({ viewport, colorScheme });
      for (const path of ['', 'start', 'lock', 'performance', 'errors', 'api/', 'api/shareable/classes/Lock']) {
        const page = await openTab(context);
        await go(page, path);
        const name = `${path.replaceAll('/', '-') || 'home'}-${size}-${colorScheme}.png`;
        await page.screenshot({ path: join(destination, name), fullPage: path === '' });
        await page.close();
      }
      await context.close();
    }
  }
}

try {
  checkTexts();
  for (const viewport of [WIDE, NARROW]) {
    const context = await browser.newContext({ viewport });
    const page = await openTab(context);
    for (const path of paths) await checkPage(path, page);
    await context.close();
  }
  const context = await browser.newContext({ viewport: WIDE });
  await checkSearch(context, 'recovered', 'lock');
  await context.close();
  for (const [colorScheme, dark] of [
    ['light', false],
    ['dark', true],
  ] as const) {
    const scheme = await browser.newContext({ viewport: WIDE, colorScheme });
    const page = await openTab(scheme);
    await go(page, 'lock');
    const isDark = await page.evaluate(() => document.documentElement.classList.contains('dark'));
    if (isDark !== dark) problems.push(`a browser that prefers ${colorScheme} gets the other scheme`);
    await go(page, 'performance');
    await checkPlot(page, dark);
    // The reader may choose the other scheme on the page.
    await page.locator('.VPNavBarAppearance .VPSwitchAppearance').click();
    await checkPlot(page, !dark);
    await scheme.close();
  }
  if (values.screenshots !== undefined) await takeScreenshots(values.screenshots);
} finally {
  await browser.close();
  server.close();
}
for (const problem of problems) console.error(problem);
console.log(`${paths.length} pages in two sizes, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
