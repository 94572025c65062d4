/** What is published when a process removes the segment of a dead owner, because it wants the segment's name. */
import { SharedMemory } from 'shareable';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';
import { freshName } from '../support/segments.ts';
import { record } from './support.ts';

interface Taken {
  name: string;
  owner: number;
  published: [channel: string, message: object][];
}

const WAYS = [
  ...['create', 'createAsync', 'createOrAttach'].map((way) => `SharedMemory.${way}`),
  'ShareableList.create',
  'ShareableList.createOrAttach',
  'SharedArray.create',
  'Lock.create',
  'Lock.createOrAttach',
  'Channel.create',
  'Barrier.createOrAttach',
];

describe.runIf(platform.hasSweep && canHavePrivateMemory)('the name of a segment that a dead owner left behind', () => {
  let sweeper: Child;
  // No other process sweeps a /dev/shm of its own.
  beforeAll(() => void (sweeper = forkFixture('diagnostics/sweeper.ts', { through: privately('size=64m') })));
  afterAll(async () => sweeper[Symbol.asyncDispose]());

  test('is wanted in every way that this file tests', async () => {
    expect(await sweeper.ask('ways')).toEqual(WAYS);
  });

  test.each(WAYS)('%s publishes the sweep, with the dead owner, before the creation', async (way) => {
    const { name, owner, published } = await sweeper.ask<Taken>('take', way, ['shareable:create', 'shareable:sweep']);
    expect(published).toEqual([
      ['shareable:sweep', { name, owner }],
      ['shareable:create', expect.objectContaining({ name, isOwner: false })],
    ]);
  });

  test.each(['SharedMemory.create', 'Lock.create', 'Lock.createOrAttach'])(
    '%s publishes the sweep without subscribers of creations',
    async (way) => {
      const { name, owner, published } = await sweeper.ask<Taken>('take', way, ['shareable:sweep']);
      expect(published).toEqual([['shareable:sweep', { name, owner }]]);
    },
  );
});

test('a name that was free is created without a sweep', () => {
  const published = record('shareable:sweep');
  using shm = SharedMemory.create(64, { name: freshName() });
  using joined = SharedMemory.createOrAttach(shm.name, 64);
  expect(joined.isOwner).toBe(false);
  expect(published).toEqual([]);
});
