/** Untrusted and broken clients of a manager, and what they cost. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';

import { SharedMemoryManager } from 'shareable';
import { beforeAll, describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { serversOf } from '../support/processes.ts';
import { Wire, frame, join, prove, register } from './support/wire.ts';

const KEY = new TextEncoder().encode('secret');

/** Returns -1 on Windows, which does not list children. */
function serverPid(): number {
  if (!platform.listsProcesses) return -1;
  const [server = 0, ...others] = serversOf(process.pid);
  expect(others).toEqual([]);
  return server;
}

/** The memory that a process has taken. Pages of its program, which the kernel maps when it runs them, do not count. */
function residentKibibytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A file in shared memory without a size, which CPython's segments are for a moment. */
function emptySegment(): { name: string; device: bigint; inode: bigint } & Disposable {
  const name = `empty_${randomUUID()}`;
  const path = `/dev/shm/${name}`;
  writeFileSync(path, '', { mode: 0o600, flag: 'wx' });
  const { dev: device, ino: inode } = statSync(path, { bigint: true });
  return { name, device, inode, [Symbol.dispose]: () => unlinkSync(path) };
}

describe('beside an honest member', () => {
  let manager: SharedMemoryManager;
  let address: string;
  let server: number;

  beforeAll(async () => {
    manager = await SharedMemoryManager.start({ authkey: KEY });
    address = manager.address ?? '';
    server = serverPid();
    return () => manager.shutdown();
  });

  async function worksForOthers(): Promise<void> {
    using member = await SharedMemoryManager.connect(address, KEY);
    expect(member.list()).toEqual(manager.list());
  }

  test.each([
    ['random bytes', Buffer.from(crypto.getRandomValues(new Uint8Array(4096)))],
    ['zeros', Buffer.alloc(66)],
    ['a request of HTTP', Buffer.from(`GET / HTTP/1.1\r\nHost: localhost\r\n${'x'.repeat(64)}\r\n\r\n`)],
    ['a member’s requests without a proof', Buffer.concat(Array.from({ length: 30 }, () => frame(3)))],
    ['more than any proof', Buffer.alloc(1 << 20, 0xff)],
  ])('an untrusted client that sends %s gets only a nonce', async (_, bytes) => {
    using wire = await Wire.to(address);
    wire.send(bytes);
    expect((await wire.rest()).length).toBeLessThanOrEqual(32);
    await worksForOthers();
  });

  test.skipIf(!platform.hasProc)(
    'an untrusted client that hangs up in the middle of its proof is dropped',
    async () => {
      const before = openFiles(server);
      {
        using wire = await Wire.to(address);
        wire.send(prove(KEY, address, await wire.take(32)).subarray(0, 40));
      }
      await worksForOthers();
      // Before the five seconds are over that a silent client has.
      await expect.poll(() => openFiles(server) <= before, { timeout: 4_000 }).toBe(true);
    },
  );

  test('a silent client is disconnected after five seconds, and so is one that sends its proof byte by byte', async () => {
    using silent = await Wire.to(address);
    using slow = await Wire.to(address);
    const proof = prove(KEY, address, await slow.take(32));
    let sent = 0;
    // At this pace the proof would be whole after more than eight seconds.
    const drip = setInterval(() => slow.send(proof.subarray(sent, ++sent)), 125);
    try {
      expect(await silent.rest()).toHaveLength(32);
      expect(await slow.rest()).toHaveLength(0);
    } finally {
      clearInterval(drip);
    }
    expect(sent).toBeLessThan(66);
    await worksForOthers();
  });

  test.skipIf(!platform.hasProc)(
    '300 silent clients cost 64 descriptors, little memory, and delay no member',
    async () => {
      await worksForOthers();
      const [files, memory] = [openFiles(server), residentKibibytes(server)];
      const clients = await Promise.all(Array.from({ length: 300 }, () => Wire.to(address)));
      try {
        const start = performance.now();
        for (let n = 0; n < 50; n++) await worksForOthers();
        // An order of magnitude, for a machine with other work: benches/manager/connect.ts measures.
        expect((performance.now() - start) / 50).toBeLessThan(250);
        expect(openFiles(server) - files).toBeLessThanOrEqual(64);
        expect(residentKibibytes(server) - memory).toBeLessThan(1024);
      } finally {
        for (const client of clients) client[Symbol.dispose]();
      }
    },
  );

  test('clients that reconnect at once do not keep members out', async () => {
    const over = new AbortController();
    const clients = Array.from({ length: 100 }, async () => {
      while (!over.signal.aborted) {
        using wire = await Wire.to(address);
        await Promise.race([wire.rest(), new Promise((resolve) => setTimeout(resolve, 50))]);
      }
    });
    try {
      for (let n = 0; n < 20; n++) await expect(worksForOthers()).resolves.toBeUndefined();
    } finally {
      over.abort();
      await Promise.all(clients);
    }
  });

  test.skipIf(!platform.hasProc).each([
    ['past the limit', (16 << 20) + 1],
    ['of 4 GiB', 0xffff_ffff],
    ['of no bytes', 0],
  ])('a member’s frame %s disconnects that member and takes no memory', async (_, length) => {
    using wire = await join(address, KEY);
    const memory = residentKibibytes(server);
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(length);
    wire.send(prefix);
    wire.send(Buffer.alloc(4 << 20, 1));
    expect(await wire.rest()).toHaveLength(0);
    expect(residentKibibytes(server) - memory).toBeLessThan(1024);
    await worksForOthers();
  });

  test.each([
    ['an unknown kind', frame(77)],
    ['a registration that is cut short', frame(2, Buffer.from([4, 0, 1, 2]))],
    ['the end of the manager, which is the starter’s to say', frame(4)],
    ['other settings', frame(1, Buffer.from([1, 0, 65, 0, 0]))],
  ])('a member that sends %s is disconnected', async (_, bytes) => {
    using wire = await join(address, KEY);
    wire.send(bytes);
    expect(await wire.rest()).toHaveLength(0);
    await worksForOthers();
  });

  test('a member that registers a missing segment is refused, and stays connected', async () => {
    using wire = await join(address, KEY);
    wire.send(register('no_such_segment', { device: 0n, inode: 0n }));
    expect((await wire.take(5))[4]).toBe(130);
    await worksForOthers();
  });

  // An attach waits for such a segment: 60 of them would keep everybody waiting for twelve seconds.
  test.skipIf(!platform.hasProc)(
    'a member that registers a segment without a size 60 times delays no member',
    async () => {
      using empty = emptySegment();
      using wire = await join(address, KEY);
      wire.send(Buffer.concat(Array.from({ length: 60 }, () => register(empty.name, empty))));
      const start = performance.now();
      manager.sharedMemory(4096).unlink();
      expect((await wire.take(5))[4]).toBe(130);
      await worksForOthers();
      expect(performance.now() - start).toBeLessThan(6000);
    },
  );

  test.skipIf(!platform.hasProc)('a member that sends requests and reads no replies delays no member', async () => {
    using wire = await join(address, KEY);
    wire.socket.pause();
    for (let n = 0; n < 64; n++) manager.sharedMemory(8).close();
    for (let n = 0; n < 2000; n++) wire.send(frame(3));
    for (let n = 0; n < 5; n++) await worksForOthers();
    expect(residentKibibytes(server)).toBeLessThan(64 * 1024);
  });
});
