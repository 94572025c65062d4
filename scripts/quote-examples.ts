/**
 * Keeps the code that documents quote the same as the files that tests run. A document quotes a file by a comment before a code
 * block: `<!-- example: recipes/server.ts -->` is `examples/recipes/server.ts`. Prints each block that differs and exits
 * with 1; `--write` brings the documents up to date.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const isWriting = process.argv.includes('--write');

/** The comment, and the block after it, which may be missing. A fence of four ticks may hold one of three. */
const QUOTE = /^<!-- example: (\S+) -->\n(?:\n```\w+\n.*?\n```$)?/gms;

/** The name of a language by the ending of its files. */
const LANGUAGES: Record<string, string> = { '.ts': 'ts', '.mjs': 'js', '.cjs': 'js', '.py': 'python' };

let quotes = 0;
let stale = 0;
for (const document of globSync('docs/*.md', { cwd: root })) {
  const path = join(root, document);
  const text = readFileSync(path, 'utf8');
  const fresh = text.replaceAll(QUOTE, (found, name: string) => {
    const code = readFileSync(join(root, 'examples', name), 'utf8').trimEnd();
    const block = `<!-- example: ${name} -->\n\n\`\`\`${LANGUAGES[extname(name)] ?? ''}\n${code}\n\`\`\``;
    quotes += 1;
    if (block !== found) {
      stale += 1;
      console.log(`${document}: ${isWriting ? 'now quotes' : 'does not quote'} examples/${name} as it is`);
    }
    return block;
  });
  if (isWriting && fresh !== text) writeFileSync(path, fresh);
}
if (quotes === 0) throw new Error('no document quotes an example');
if (stale > 0 && !isWriting) {
  console.log('node scripts/quote-examples.ts --write');
  process.exitCode = 1;
} else {
  console.log(`${quotes} examples are quoted as they are`);
}
