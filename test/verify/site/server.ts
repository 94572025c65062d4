/** Serves the built site as GitHub Pages does: below its base, without the ending `.html`. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** Returns the address of the site's first page, and what ends the server. */
export async function serve(folder: string, base: string): Promise<{ url: string; close: () => void }> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const path = pathname.startsWith(base) ? decodeURI(pathname.slice(base.length)) : '../outside';
    const names = path === '' || path.endsWith('/') ? [`${path}index.html`] : [path, `${path}.html`];
    for (const name of names) {
      const body = name.includes('..') ? undefined : await readFile(join(folder, name)).catch(() => undefined);
      if (body === undefined) continue;
      response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(body);
      return;
    }
    response.writeHead(404, { 'content-type': 'text/html' }).end(await readFile(join(folder, '404.html')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}${base}`, close: () => server.close() };
}
