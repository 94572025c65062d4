// Names the methods of `using` as a program writes them. In the sources, `dispose` stands for `Symbol.dispose`.
import { Converter } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

const NAMES = new Map([
  ['[dispose]', '[Symbol.dispose]'],
  ['[asyncDispose]', '[Symbol.asyncDispose]'],
]);

export function load(app) {
  const rename = (_context, reflection) => {
    reflection.name = NAMES.get(reflection.name) ?? reflection.name;
  };
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, rename);
  app.converter.on(Converter.EVENT_CREATE_SIGNATURE, rename);
  // What a method implements is written as text.
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = page.contents?.replaceAll(/(?<=isposable\.)\[(dispose|asyncDispose)\]/g, '[Symbol.$1]');
  });
}
