/**
 * Runs the recipe `pm2-app.ts` under the real pm2, with a reload: the table is made once and is there at any time. pm2 takes
 * a minute to install, so this runs at night.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'node_modules/.cache/shareable/pm2');
const home = mkdtempSync(join(tmpdir(), 'pm2-'));
const table = `pm2-recipe-${process.pid}`;

/** Finds a port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
const env = { ...process.env, PM2_HOME: home, TABLE: table, PORT: String(port) };

function pm2(...args: string[]): void {
  execFileSync(process.execPath, [join(folder, 'node_modules/pm2/bin/pm2'), ...args, '--no-color'], {
    cwd: join(root, 'examples/recipes'),
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  });
}

const answer = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();

function output(): string[] {
  const logs = readdirSync(join(home, 'logs')).filter((name) => name.includes('-out'));
  return logs.flatMap((name) =>
    readFileSync(join(home, 'logs', name), 'utf8')
      .trim()
      .split('\n'),
  );
}

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: { pm2: '7.0.4' } }));
execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], {
  cwd: folder,
  stdio: 'inherit',
});
try {
  pm2('start', 'pm2-app.ts', '--interpreter', 'node', '-i', '2', '--wait-ready');
  assert.equal(await answer(), '7');
  pm2('reload', 'pm2-app');
  assert.equal(await answer(), '7');
  assert.deepEqual(output().toSorted(), ['found the table', 'found the table', 'found the table', 'made the table']);
  pm2('delete', 'pm2-app');
  assert(existsSync(join('/dev/shm', table)), 'the table outlives the processes');
} finally {
  pm2('kill');
  execFileSync(process.execPath, [join(root, 'examples/recipes/pm2-app.ts'), 'remove'], { env });
  rmSync(home, { recursive: true });
}
assert(!existsSync(join('/dev/shm', table)), 'remove removes the table');
console.log('pm2 reloads the program over one table');
