/** Races for a name, and looks at segments that are just being made. */
import { ShareableList, SharedMemory } from 'shareable';
import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { until } from '../support/until.ts';

const PROCESSES = 3;
const ROUNDS = 200;

async function race(command: string): Promise<Record<string, unknown>[]> {
  using barrier = SharedMemory.create(64);
  await using children = new AsyncDisposableStack();
  const racers = Array.from({ length: PROCESSES }, () => children.use(forkFixture('cross-process/racer.ts')));
  await Promise.all(racers.map((racer) => racer.ask('join', barrier.name)));
  const prefix = `${freshName()}_`;
  return await Promise.all(
    racers.map((racer) => racer.ask<Record<string, unknown>>(command, prefix, PROCESSES, ROUNDS)),
  );
}

const everyRound = Array.from({ length: ROUNDS }, (_, round) => round);
const inOrder = (rounds: unknown[]) => (rounds as number[][]).flat().toSorted((a, b) => a - b);

test('of many processes that call createOrAttach at once, exactly one owns, and all share one segment', async () => {
  const results = await race('createOrAttach');
  expect(inOrder(results.map(({ owned }) => owned))).toEqual(everyRound);
  for (const result of results) expect(result).toMatchObject({ sizes: [4096], shared: ROUNDS });
});

test('of many processes that call create at once, exactly one succeeds, and the others get EEXIST', async () => {
  const results = await race('create');
  expect(inOrder(results.map(({ won }) => won))).toEqual(everyRound);
  for (const { errors } of results) expect(['', 'EEXIST']).toContain((errors as string[]).join());
});

test.skipIf(!platform.namesWhenComplete)('no process can attach to a list before it is complete', async () => {
  using barrier = SharedMemory.create(64);
  const [looked, seen] = [barrier.array(Int32Array, 4, 1), barrier.array(Int32Array, 0, 1)];
  await using child = forkFixture('cross-process/racer.ts');
  await child.ask('join', barrier.name);
  const prefix = `${freshName()}_`;
  const length = 2000;
  const outcome = child.ask<{ early: number; wrong: string[] }>('attachEarly', prefix, length, ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    const values = Array.from({ length }, (_, index) => (index === 0 ? round : `item ${round}`));
    // From now on it looks for this list again and again.
    await until(() => Atomics.load(looked, 0) > round);
    using _list = ShareableList.create(values, { name: `${prefix}${round}` });
    await until(() => Atomics.load(seen, 0) > round);
  }
  const { early, wrong } = await outcome;
  expect(wrong).toEqual([]);
  expect(early).toBeGreaterThanOrEqual(ROUNDS);
  expect(exists(`${prefix}0`)).toBe(false);
});
