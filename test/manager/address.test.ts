/** Where a server listens: addresses that are free, stale, taken, or none. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { inspect } from 'node:util';

import { ManagerClosedError, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { childrenOf, serversOf } from '../support/processes.ts';
import { freshFolder } from './support/places.ts';

describe('a socket’s path', () => {
  test('is listened at, and is free again after the end', async () => {
    using folder = freshFolder();
    for (let round = 0; round < 2; round++) {
      await using manager = await SharedMemoryManager.start({ address: folder.socket });
      expect(manager.address).toBe(folder.socket);
      using member = await SharedMemoryManager.connect(folder.socket, manager.authkey ?? '');
      expect(member.list()).toEqual([]);
    }
    expect(existsSync(folder.socket)).toBe(false);
  });

  test.skipIf(!platform.hasSocketFiles)('may be relative to the working folder', async () => {
    using folder = freshFolder();
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      await using manager = await SharedMemoryManager.start({ address: 's' });
      expect(manager.address).toBe(folder.socket);
    } finally {
      process.chdir(before);
    }
  });

  test.skipIf(!platform.hasSocketFiles)('left by a killed server is taken over', async () => {
    using folder = freshFolder();
    await using starter = forkFixture('manager/peer.ts');
    await starter.ask('start', { address: folder.socket });
    const [server = 0] = serversOf(starter.process.pid ?? 0);
    process.kill(server, 'SIGKILL');
    await starter.kill();
    expect(existsSync(folder.socket)).toBe(true);
    await using manager = await SharedMemoryManager.start({ address: folder.socket });
    expect(manager.list()).toEqual([]);
  });

  test.skipIf(!platform.hasExclusiveAddresses)(
    'at which another manager listens is EADDRINUSE, and that manager keeps working',
    async () => {
      using folder = freshFolder();
      await using manager = await SharedMemoryManager.start({ address: folder.socket });
      await expect(SharedMemoryManager.start({ address: folder.socket })).rejects.toMatchObject({
        name: 'SharedMemoryError',
        code: 'EADDRINUSE',
        syscall: 'bind',
      });
      using member = await SharedMemoryManager.connect(folder.socket, manager.authkey ?? '');
      expect(member.list()).toEqual([]);
    },
  );

  test.skipIf(!platform.hasSocketFiles)('that is a regular file is EADDRINUSE, and the file stays', async () => {
    using folder = freshFolder();
    writeFileSync(folder.socket, 'precious');
    await expect(SharedMemoryManager.start({ address: folder.socket })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(readFileSync(folder.socket, 'utf8')).toBe('precious');
  });

  test.skipIf(!platform.hasSocketFiles)(
    'with a stale socket goes to exactly one of two servers that start at once',
    async () => {
      using folder = freshFolder();
      for (let round = 0; round < 5; round++) {
        const starter = forkFixture('manager/peer.ts');
        await starter.ask('start', { address: folder.socket });
        process.kill(serversOf(starter.process.pid ?? 0)[0] ?? 0, 'SIGKILL');
        await starter.kill();
        const options = { address: folder.socket, authkey: 'same' };
        const starts = await Promise.allSettled([1, 2, 3].map(() => SharedMemoryManager.start(options)));
        const started = starts.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
        expect(started).toHaveLength(1);
        using member = await SharedMemoryManager.connect(folder.socket, 'same');
        expect(member.list()).toEqual([]);
        await started[0]?.shutdown();
      }
    },
  );

  test.skipIf(!platform.hasSocketFiles)(
    'that is too long for a socket, or in a missing folder, is the system’s error',
    async () => {
      using folder = freshFolder();
      const long = `${folder.path}/${'x'.repeat(120)}`;
      await expect(SharedMemoryManager.start({ address: long })).rejects.toThrow('107 bytes');
      const nowhere = `${folder.path}/no/such/folder`;
      await expect(SharedMemoryManager.start({ address: nowhere })).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );

  test('without a server is ManagerClosedError for connect', async () => {
    using folder = freshFolder();
    await expect(SharedMemoryManager.connect(folder.socket, 'key')).rejects.toThrow(ManagerClosedError);
    await expect(SharedMemoryManager.connect('tcp://127.0.0.1:1', 'a key of many bytes')).rejects.toThrow(
      ManagerClosedError,
    );
  });
});

describe('a TCP port', () => {
  test('that is taken is EADDRINUSE', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const start = SharedMemoryManager.start({ address: `tcp://127.0.0.1:${port}` });
    await expect(start).rejects.toMatchObject({ code: 'EADDRINUSE' });
    server.close();
  });
});

describe('a TCP address', () => {
  test.each([
    ['127.0.0.1:50000', 'tcp://127.0.0.1:50000'],
    ['localhost:50000', 'tcp://localhost:50000'],
    ['[::1]:50000', 'tcp://[::1]:50000'],
    ['0.0.0.0', 'tcp://0.0.0.0:0'],
    ['::1', 'tcp://[::1]:0'],
    ['tcp:127.0.0.1:50000', 'tcp://127.0.0.1:50000'],
    ['my.host:50000', 'tcp://127.0.0.1:0'],
  ])('written as %s is refused with the advice %s, and makes no socket file', async (address, advice) => {
    using folder = freshFolder();
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      const refusal = { code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining(`such as ${advice}`) };
      await expect(SharedMemoryManager.start({ address })).rejects.toMatchObject(refusal);
      await expect(SharedMemoryManager.connect(address, 'a key of many bytes')).rejects.toMatchObject(refusal);
      expect(readdirSync('.')).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test('needs a key of at least 16 bytes', async () => {
    const address = 'tcp://127.0.0.1:0';
    const refusal = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
    await expect(SharedMemoryManager.start({ address, authkey: 'x'.repeat(15) })).rejects.toMatchObject(refusal);
    await expect(SharedMemoryManager.connect('tcp://127.0.0.1:1', 'short')).rejects.toMatchObject(refusal);
    await using manager = await SharedMemoryManager.start({ address, authkey: 'x'.repeat(16) });
    using member = await SharedMemoryManager.connect(manager.address ?? '', 'x'.repeat(16));
    expect(member.list()).toEqual([]);
  });
});

describe('an invalid argument', () => {
  test.each<[unknown, string]>([
    [{ address: 7 }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '/tmp/a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: 'http://localhost:80' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: 'tcp://no.such.host:80' }, 'ERR_INVALID_ARG_VALUE'],
    ...(platform.hasSocketFiles
      ? [[{ address: String.raw`\\.\pipe\manager` }, 'ERR_SHM_UNSUPPORTED'] as [unknown, string]]
      : []),
    [{ authkey: '' }, 'ERR_OUT_OF_RANGE'],
    [{ authkey: new Uint8Array(0) }, 'ERR_OUT_OF_RANGE'],
    [{ authkey: new Uint8Array(5000) }, 'ERR_OUT_OF_RANGE'],
    [{ authkey: 42 }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('start(%o) fails with %s', async (options, code) => {
    await expect(SharedMemoryManager.start(options as object)).rejects.toMatchObject({ code });
  });

  test('connect() fails without an address or a key', async () => {
    const connect = SharedMemoryManager.connect as (...args: unknown[]) => Promise<SharedMemoryManager>;
    await expect(connect()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(connect('/tmp/x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(connect('/tmp/x', '')).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  });

  test.each([new Uint8Array(32), Buffer.alloc(32)])(
    'connect() says what to do about a key that was sent as JSON',
    async (key) => {
      const sent = JSON.parse(JSON.stringify(key)) as Uint8Array;
      await expect(SharedMemoryManager.connect('/tmp/x', sent)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining("serialization: 'advanced'") as string,
      });
    },
  );
});

describe('the key', () => {
  test.skipIf(!platform.hasProc)(
    'never appears in anything printed, in a command line or in the environment',
    async () => {
      const authkey = 'do-not-print-this';
      await using starter = forkFixture('manager/peer.ts');
      await starter.ask('start', { authkey });
      const printed = (await starter.ask<string[]>('print')).join('\n');
      const forms = [
        authkey,
        Buffer.from(authkey).toString('hex'),
        inspect(Buffer.from(authkey)).slice(8, -1),
        '100, 111, 45',
      ];
      for (const form of forms) expect(printed).not.toContain(form);
      const { pid = 0 } = starter.process;
      for (const child of childrenOf(pid)) {
        for (const file of ['cmdline', 'environ']) {
          expect(readFileSync(`/proc/${child}/${file}`, 'latin1')).not.toContain(authkey);
        }
      }
      expect(starter.stdout + starter.stderr).toBe('');
    },
  );
});
