/**
 * A shared cache of documents by the npm package `lmdb`: keys, values of any size, expiry by your own rules, transactions, and
 * a file that survives restarts. Several processes open it at once and read it without a server. `shareable` is not a
 * store: it has no keys, no allocation within a segment and no eviction. Use it for one large value that you compute on.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { open } from 'lmdb';

interface Page {
  html: string;
  expires: number;
}

if (process.send === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'documents-')); // a real program keeps its folder
  const cache = open<Page, string>({ path: folder });
  for (let i = 0; i < 100; i++) await cache.put(`/page/${i}`, { html: 'x'.repeat(i * 100), expires: Infinity });
  await cache.put('/old', { html: 'stale', expires: 0 });
  const child = fork(import.meta.filename);
  child.send(folder);
  await once(child, 'exit');
  console.log(`written there: ${cache.get('/hits')?.html}`);
  await cache.close();
  rmSync(folder, { recursive: true });
} else {
  process.once('message', async (folder: string) => {
    const cache = open<Page, string>({ path: folder });
    const page = cache.get('/page/99');
    // Expiry is a field of the document and a look at it.
    const isFresh = (key: string) => (cache.get(key)?.expires ?? 0) > Date.now();
    console.log(`${page?.html.length} characters, old page fresh: ${isFresh('/old')}`);
    await cache.put('/hits', { html: '1', expires: Infinity });
    await cache.close();
  });
}
