/** How many segments of a tight loop have the place that created them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const COUNT = 400;

/** Creates segments while the clock stands still, and prints how many have a place, and how many of those are right. */
const PROGRAM = `
  import { SharedMemory } from 'shareable';
  import { segments } from 'shareable/testing';
  performance.now = () => 5;
  const held = Array.from({ length: ${COUNT} }, () => SharedMemory.create(8));
  const places = segments().map(({ createdAt }) => createdAt).filter((place) => place !== undefined);
  console.log(JSON.stringify([places.length, new Set(places).size]));
  for (const shm of held) shm[Symbol.dispose ?? Symbol.for('nodejs.dispose')]();
`;

async function countPlaces(setting: string | undefined): Promise<[places: number, different: number]> {
  const { SHAREABLE_CALL_SITE: _, ...others } = process.env;
  const env = setting === undefined ? others : { ...others, SHAREABLE_CALL_SITE: setting };
  const args = ['--input-type=module', '--eval', PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, env });
  return JSON.parse(stdout) as [number, number];
}

test('a program that creates many segments within a millisecond has the places of the first ones', async () => {
  const [places, different] = await countPlaces(undefined);
  // The first 32, and one when the clock is read for the first time.
  expect(places).toBe(33);
  expect(different).toBe(1);
});

test('a program that creates segments all the time finds places in a small part of it', async () => {
  const program = `
    import { SharedMemory } from 'shareable';
    const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose');
    for (let i = 0; i < 40; i++) SharedMemory.create(8)[dispose]();
    let searches = 0;
    const { captureStackTrace } = Error;
    // Each search takes 5 ms of a clock that moves at nothing else but a creation, by 1 ms.
    let now = 1e6;
    performance.now = () => now;
    Error.captureStackTrace = (...args) => { searches += 1; now += 5; captureStackTrace(...args); };
    for (let i = 0; i < 1000; i++) { now += 1; SharedMemory.create(8)[dispose](); }
    console.log(searches);
  `;
  const { SHAREABLE_CALL_SITE: _, ...env } = process.env;
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, env });
  // A hundredth would be one in 500 ms; the longest pause is 100 ms.
  expect(Number(stdout)).toBeGreaterThan(5);
  expect(Number(stdout)).toBeLessThan(25);
});

test('SHAREABLE_CALL_SITE=all finds the place of every segment', async () => {
  expect(await countPlaces('all')).toEqual([COUNT, 1]);
});

test('SHAREABLE_CALL_SITE=off finds none', async () => {
  expect(await countPlaces('off')).toEqual([0, 0]);
});
