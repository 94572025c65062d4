// Gathers the `@throws` of a function under one heading, as a list. typedoc-plugin-markdown writes a heading for each.
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

const RUN = /^(#+) Throws\n\n(?:.+\n)+(?:\n\1 Throws\n\n(?:.+\n)+)+/gm;

export function load(app) {
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = page.contents?.replaceAll(RUN, (run, marks) => {
      const texts = run.split(`${marks} Throws\n\n`).filter(Boolean);
      return `${marks} Throws\n\n${texts.map((text) => `- ${text.trim().replaceAll('\n', '\n  ')}\n`).join('')}`;
    });
  });
}
