/** The package on every Node that it supports. */
import { Channel, Semaphore, ShareableList, SharedEvent, SharedMemory, SharedValue, json } from 'shareable';
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

  test('sends and receives messages, to this Node and from it', async () => {
    using there = Channel.create({ codec: json<{}>(), capacity: 4096, producers: 1 });
    using back = Channel.create({ codec: json<{}>(), capacity: 4096, producers: 1 });
    const sent = Array.from({ length: 200 }, (_, number) => ({
      number,
      text: 'x'.repeat(number % 100 === 0 ? 2000 : 9),
    }));
    const echoed = peer.ask('echo', there.toJSON(), back.toJSON());
    const sending = there.sendManyAsync(sent).then(() => there.end());
    const received = [];
    for await (const message of back) received.push(message);
    await sending;
    expect(received).toEqual(sent);
    expect(await echoed).toBe(200);
  });

  test('waits for events, values and permits of this Node', async () => {
    using event = SharedEvent.create();
    using value = SharedValue.create(1, { codec: json<number>() });
    using semaphore = Semaphore.create(1);
    const permit = semaphore.acquire();
    const done = peer.ask('primitives', event.toJSON(), value.toJSON(), semaphore.toJSON());
    const changed = value.changed();
    event.set();
    permit.release();
    expect(await done).toBe(2);
    expect(await changed).toBe(2);
  });

  test('ends without errors or warnings', async () => {
    await peer[Symbol.asyncDispose]();
    expect(peer.stderr).toBe('');
  });
});
