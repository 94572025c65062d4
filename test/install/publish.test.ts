/**
 * `pnpm publish`, as `changeset publish` runs it in the workflow `release`, on a registry of the test's own: by a token the first
 * time, and later by the identity that the runner proves.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { pnpmProgram, readManifest, root } from '../../scripts/pack.ts';
import { processLimit } from '../support/limits.ts';
import { Folder } from './support/project.ts';

interface Request {
  what: string;
  by: string | undefined;
  repository?: unknown;
}

const folder = new Folder();
const requests: Request[] = [];
let port: number;

/** An identity as the runner gives it, signed by nobody. */
const identity = ['header', Buffer.from(JSON.stringify({ sub: 'repo' })).toString('base64url'), 'signature'].join('.');

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
  return body;
}

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  const path = decodeURIComponent(request.url ?? '').split('?')[0];
  const entry: Request = { what: `${request.method} ${path}`, by: request.headers.authorization };
  if (request.method === 'PUT') {
    const { versions } = JSON.parse(body) as { versions: Record<string, { repository: unknown }> };
    entry.repository = Object.values(versions)[0]?.repository;
  }
  requests.push(entry);
  const answers: Record<string, object> = {
    'GET /identity': { value: identity },
    'POST /-/npm/v1/oidc/token/exchange/package/@shareable/linux-x64-gnu': { token: 'exchanged' },
    'PUT /@shareable/linux-x64-gnu': {},
  };
  const answer = answers[entry.what];
  response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? { error: 'not found' }));
});

/** Publishes the package of a platform, with empty files as its binaries, as the workflow does after `setup-node`. */
async function publish(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const cwd = join(folder.path, 'package');
  const child = spawn(process.execPath, [pnpmProgram, 'publish', '--access', 'public', '--no-git-checks'], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: folder.path,
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      NPM_CONFIG_USERCONFIG: join(folder.path, 'npmrc'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: processLimit(),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  // What `setup-node` writes for a `registry-url`.
  const lines = [`//127.0.0.1:${port}/:_authToken=\${NODE_AUTH_TOKEN}`, `registry=http://127.0.0.1:${port}/`];
  writeFileSync(join(folder.path, 'npmrc'), lines.join('\n'));
  const { scripts: _, ...manifest } = readManifest(join(root, 'packages/shareable/npm/linux-x64-gnu'));
  mkdirSync(join(folder.path, 'package'));
  writeFileSync(join(folder.path, 'package/package.json'), JSON.stringify(manifest));
  for (const file of manifest.files ?? []) writeFileSync(join(folder.path, 'package', file), '');
});

beforeEach(() => requests.splice(0));

afterAll(() => {
  server.close();
  folder[Symbol.dispose]();
});

test('a package is published first with the token of the registry', async () => {
  const { code, output } = await publish({ NODE_AUTH_TOKEN: 'secret' });
  expect([code, output]).toEqual([0, expect.stringContaining('Published package @shareable/linux-x64-gnu')]);
  const { repository } = readManifest(join(root, 'packages/shareable/npm/linux-x64-gnu'));
  expect(requests.at(-1)).toEqual({ what: 'PUT /@shareable/linux-x64-gnu', by: 'Bearer secret', repository });
});

test('without a token it is published by the identity of the runner', async () => {
  const runner = {
    NODE_AUTH_TOKEN: '',
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/identity?version=1`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner',
  };
  const { code, output } = await publish(runner);
  expect([code, output]).toEqual([0, expect.stringContaining('Published package @shareable/linux-x64-gnu')]);
  expect(requests).toContainEqual({ what: 'GET /identity', by: 'Bearer runner' });
  expect(requests.at(-1)).toMatchObject({ what: 'PUT /@shareable/linux-x64-gnu', by: 'Bearer exchanged' });
});
