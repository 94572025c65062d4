import { inspect } from 'node:util';

import { SharedMemory } from 'shareable';
import { expect, test } from 'vitest';

import { freshName } from '../support/segments.ts';

test('a segment prints its name and size', () => {
  using shm = SharedMemory.create(4096, { name: freshName() });
  const text = `SharedMemory('${shm.name}', size=4096)`;
  expect(shm.toString()).toBe(text);
  expect(`${shm}`).toBe(text);
  expect(inspect(shm)).toBe(text);
  expect(inspect([shm])).toBe(`[ ${text} ]`);
});

test('printing touches no memory and changes nothing', () => {
  using shm = SharedMemory.create(64);
  inspect(shm, { showHidden: true, depth: Infinity });
  expect(shm.closed).toBe(false);
  expect(shm.buf).toEqual(new Uint8Array(64));
});

test('a handle is a small plain object, whatever the size of the segment', () => {
  using small = SharedMemory.create(1);
  using large = SharedMemory.create(10_000_000);
  expect(small.toJSON()).toEqual({ type: 'SharedMemory', name: small.name });
  expect(Object.getPrototypeOf(large.toJSON())).toBe(Object.prototype);
  expect(JSON.stringify(large)).toHaveLength(JSON.stringify(small).length);
  expect(structuredClone(large.toJSON())).toEqual(large.toJSON());
});
