/** Another process truncates a segment that is mapped: no process dies of it, and the API says so from then on. */
import { copyFileSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, onTestFinished, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import type { Node } from '../support/nodes.ts';
import { installedNodes } from '../support/nodes.ts';
import { freshName, pathOf } from '../support/segments.ts';
import { addonPath } from '../support/processes.ts';

const SIZE = 64 * 1024;
const TRUNCATED = 'ERR_SHM_TRUNCATED';
const allTruncated = { buf: TRUNCATED, buffer: TRUNCATED, array: TRUNCATED };

const start = ({ path }: Node, through: string[] = []) =>
  forkFixture('tracker/truncated.mjs', { ...(path && { execPath: path }), serialization: 'json', through });

const truncate = (name: string, size = 0) => truncateSync(pathOf(name), size);

describe.skipIf(!platform.canTruncate).each(installedNodes)('on $name a process', (node) => {
  test('keeps using its views, and the next use of the API reports it', async () => {
    using shm = SharedMemory.create(SIZE);
    await using child = start(node);
    await child.ask('attach', shm.name);
    shm.buf.fill(1);
    expect(await child.ask('touch', 1)).toBe(Math.trunc((0x01010101 * SIZE) / 4) | 0);
    // Enough for the loop to be compiled.
    await child.ask('touch', 100);
    truncate(shm.name);
    expect(await child.ask('touch', 1)).toBe(0);
    expect(await child.ask('ways')).toEqual(allTruncated);
    // What replaced the memory can be written to, and is nobody else's.
    expect(await child.ask('touch', 1)).toBe(SIZE / 4);
    expect(await child.ask('ways')).toEqual(allTruncated);
    await child.ask('close');
    expect(await child.ask('ways')).toMatchObject({ buf: 'ERR_SHM_CLOSED' });
  });

  test('survives the loss of the end only', async () => {
    using shm = SharedMemory.create(SIZE);
    await using child = start(node);
    await child.ask('attach', shm.name);
    truncate(shm.name, SIZE / 2);
    expect(await child.ask('ways')).toEqual({ buf: 'works', buffer: 'works', array: 'works' });
    await child.ask('touch', 1);
    expect(await child.ask('ways')).toEqual(allTruncated);
  });

  test('survives it read-only too', async () => {
    using shm = SharedMemory.create(SIZE);
    await using child = start(node);
    await child.ask('attach', shm.name, { readOnly: true });
    truncate(shm.name);
    await child.ask('touch', 1);
    expect(await child.ask('ways')).toEqual(allTruncated);
  });

  test('survives it in a worker', async () => {
    using shm = SharedMemory.create(SIZE);
    await using child = start(node);
    await child.ask('startWorker', shm.name);
    truncate(shm.name);
    expect(await child.ask('touchInWorker')).toEqual(allTruncated);
  });

  test('has a typed error for every use of a list', async () => {
    await using child = start(node);
    for (const first of ['get', 'set']) {
      using list = ShareableList.create([1, 'some text', 2]);
      await child.ask('attachList', list.name);
      truncate(list.name);
      expect(await child.ask(first)).toBe(TRUNCATED);
      expect(Object.values(await child.ask<object>('uses'))).toEqual(Array(10).fill(TRUNCATED));
    }
  });

  test('survives all other uses of the bytes', async () => {
    await using child = start(node);
    for (const way of await child.ask<string[]>('copyWays')) {
      using shm = SharedMemory.create(SIZE);
      await child.ask('attach', shm.name);
      truncate(shm.name);
      expect({ way, outcome: await child.ask('copy', way) }).toEqual({ way, outcome: 'works' });
      expect({ way, ...(await child.ask<object>('ways')) }).toEqual({ way, ...allTruncated });
      await child.ask('close');
    }
  });

  test('keeps its other segments', async () => {
    using shm = SharedMemory.create(SIZE);
    using other = SharedMemory.create(100);
    other.buf[0] = 42;
    await using child = start(node);
    await child.ask('attach', shm.name);
    truncate(shm.name);
    await child.ask('touch', 1);
    expect(await child.ask('others', other.name)).toEqual({ first: 42, length: 100, isFilled: true });
  });

  test('is still killed by a SIGBUS outside of segments', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shareable-bus-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const library = join(folder, 'library.node');
    copyFileSync(addonPath, library);
    using shm = SharedMemory.create(SIZE);
    await using child = start(node, ['sh', '-c', 'ulimit -c 0 && exec "$@"', 'sh']);
    await child.ask('attach', shm.name);
    await expect(child.ask('callLostLibrary', library)).rejects.toThrow('SIGBUS');
    expect(await child.end()).toEqual({ code: null, signal: 'SIGBUS' });
  });

  test('is still killed by a SIGBUS that it is sent', async () => {
    using shm = SharedMemory.create(SIZE);
    await using child = start(node, ['sh', '-c', 'ulimit -c 0 && exec "$@"', 'sh']);
    await child.ask('attach', shm.name);
    expect(await child.kill('SIGBUS')).toEqual({ code: null, signal: 'SIGBUS' });
  });
});

describe.skipIf(!platform.canTruncate)('the owner of a truncated segment', () => {
  test('disposes of it normally', () => {
    const name = freshName();
    {
      using shm = SharedMemory.create(SIZE, { name });
      truncate(name);
      shm.buf[0] = 1;
      expect(() => shm.buf).toThrow(expect.objectContaining({ code: TRUNCATED, name: 'SharedMemoryError' }));
    }
    expect(() => SharedMemory.attach(name)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
