/** Segments that outlive their scope in code that goes on using their bytes: what docs/views.md says. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

/** More than the sockets take at once. */
const SIZE = 32 * 1024 * 1024;

function filled(): SharedMemory {
  const shm = SharedMemory.create(SIZE);
  shm.buf.fill(7);
  return shm;
}

/** What a client receives that begins to read late. */
async function fetchFrom(answer: (end: (body: Uint8Array, done?: () => void) => void) => void): Promise<Buffer> {
  const server = createServer((_request, response) => answer((body, done) => response.end(body, done)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  server.close();
  return Buffer.concat(chunks);
}

const count = (bytes: Uint8Array, value: number) => bytes.reduce((sum, byte) => sum + Number(byte === value), 0);

test.skipIf(!platform.hasPosixCommands)('the program that serves a segment sends all of it', async () => {
  const program = fileURLToPath(new URL('../../examples/tutorial/serve.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 25_000 });
  expect([stdout, stderr]).toEqual(['the whole segment arrived\n', '']);
});

describe('a response', () => {
  test('is whole when the segment is closed in the callback of end', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const body = await fetchFrom((end) => {
      const shm = filled();
      end(shm.buf, () => {
        shm[Symbol.dispose]();
        resolve(shm.closed);
      });
    });
    expect([body.length, count(body, 7)]).toEqual([SIZE, SIZE]);
    expect(await promise).toBe(true);
  });

  test('ends in zeros only when the segment is closed too early', async () => {
    const body = await fetchFrom((end) => {
      using shm = filled();
      end(shm.buf);
    });
    const zeros = count(body, 0);
    expect(body).toHaveLength(SIZE);
    expect(count(body, 7) + zeros).toBe(SIZE);
    expect(zeros > 0).toBe(!platform.takesWholeWrites);
  });
});

test('zlib throws an error that cannot be caught when the segment is closed too early', async () => {
  const program = `
    import { gzip } from 'node:zlib';
    import { SharedMemory } from 'shareable';
    process.on('uncaughtException', ({ code }) => console.log(code));
    const shm = SharedMemory.create(${SIZE});
    shm.buf.fill(7);
    gzip(shm.buf, () => console.log('done'));
    shm[Symbol.dispose]();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    timeout: 25_000,
  });
  expect(stdout).toBe('ERR_OUT_OF_RANGE\n');
});
