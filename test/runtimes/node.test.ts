/** The package on every Node that it supports. */
import { ShareableList, SharedMemory } from 'shareable';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { installedNodes, nodes } from '../support/nodes.ts';
import { freshName } from '../support/segments.ts';

const isInstalled = process.platform === 'linux' && process.arch === 'x64';

test.runIf(isInstalled)('all of them are here (on Linux x64)', () => {
  expect(nodes.filter(({ path }) => path === undefined)).toEqual([]);
});

describe.each(installedNodes)('Node $major', ({ major, path }) => {
  let peer: Child;

  beforeAll(() => {
    peer = forkFixture('runtimes/peer.mjs', { execPath: path, execArgv: ['--expose-gc'], serialization: 'json' });
  });

  afterAll(async () => peer[Symbol.asyncDispose]());

  test('is the one that runs', async () => {
    expect(await peer.ask('version')).toMatch(new RegExp(`^v${major}\\.`));
  });

  test.each([
    ['creates, attaches, shares and closes segments', 'segment'],
    ['stores and changes values of every type', 'list'],
    ['refuses what is no list', 'layout'],
    ['keeps a buffer safe from structured clone', 'clone'],
  ])('%s', async (_, command) => {
    // The assertions are in the fixture, which rejects.
    await expect(peer.ask(command)).resolves.toBeUndefined();
  });

  test('makes a transferred buffer read zeros after close', async () => {
    expect(await peer.ask('transfer')).toBe(major >= 22);
  });

  test('shares with worker threads, and survives their termination', async () => {
    expect(await peer.ask('worker')).toBe(3000);
  });

  test('unmaps what is closed and what is forgotten', async () => {
    expect(await peer.ask('collected')).toBe(0);
  });

  test('shares segments and lists with this Node, both ways', async () => {
    using shm = SharedMemory.create(64);
    using list = ShareableList.create(['there         ']);
    list.set(0, 'there');
    expect(await peer.ask('attach', shm.toJSON(), list.toJSON())).toEqual({ size: 64, length: 1 });
    expect([shm.buf[0], list.get(0)]).toEqual([1, 'there and back']);
    const name = freshName();
    await peer.ask('make', name);
    using made = ShareableList.attach(name);
    expect(made.toArray()).toEqual(['made by another', 2 ** 40]);
    made.unlink();
  });

  test('ends without errors or warnings', async () => {
    await peer[Symbol.asyncDispose]();
    expect(peer.stderr).toBe('');
  });
});
