import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from 'vitest';

import { SharedMemory } from 'shareable';

import { platform } from '../support/platform.ts';
import { addonPath } from '../support/processes.ts';
import { exists } from '../support/segments.ts';

/** The addon itself. The package checks its numbers, so only a direct call can pass a wrong one. */
interface Addon {
  segmentFacts(): ArrayBuffer;
  factPlaces(): Record<string, number>;
  attachSegment(name: string, readOnly: boolean, allowForeign: boolean): void;
  closeSegment(handle: number, buffer: undefined): number;
  [operation: string]: (...args: never[]) => unknown;
}

const addon = createRequire(import.meta.url)(addonPath) as Addon;
const facts = new Float64Array(addon.segmentFacts());
const places = addon.factPlaces();

/** Returns a fact about the segment that was attached to last. */
const fact = (name: string): number => facts[places[name] ?? NaN] ?? NaN;

function attach(name: string): number {
  addon.attachSegment(name, false, false);
  return fact('handle');
}

/** Every operation that takes the number of a segment. */
const OPERATIONS: [name: string, ...args: unknown[]][] = [
  ['segmentBuffer'],
  ['checkSegment'],
  ['closeSegment', undefined],
  ['disposeSegment', undefined],
  ['unlinkSegment'],
  ['attachList'],
  ['findChannel'],
  ['listGet', 0],
  ['listSet', 0, 1],
  ['listAdd', 0, 1],
  ['listCapacity', 0],
  ['listCount', 1],
  ['listFind', 1, 0],
  ['listFormat'],
];

describe('the number of a segment in the addon', () => {
  test.each(OPERATIONS)('is refused by %s when it is stale or made up', (operation, ...args) => {
    using shm = SharedMemory.create(64);
    const stale = attach(shm.name);
    addon.closeSegment(stale, undefined);
    const open = attach(shm.name);
    for (const number of [stale, 0, -open, open + 0.5, open + 1000, -0, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 80]) {
      expect(() => addon[operation]?.(...([number, ...args] as never[]))).toThrow(
        expect.objectContaining({ kind: 'Closed' }),
      );
    }
    addon.closeSegment(open, undefined);
    expect(SharedMemory.attach(shm.name).size).toBe(64);
  });

  test('is not accepted for a value of another type', () => {
    for (const value of ['1', null, {}, 1n]) {
      expect(() => addon['checkSegment']?.(value as never)).toThrow(Error);
    }
  });

  test('of a list is one of its own, also after the segment was closed and another one opened', () => {
    using shm = SharedMemory.create(64);
    const first = attach(shm.name);
    addon.closeSegment(first, undefined);
    const second = attach(shm.name);
    expect(second).not.toBe(first);
    expect(() => addon['listGet']?.(...([second, 0] as never[]))).toThrow(expect.objectContaining({ kind: 'Closed' }));
    addon.closeSegment(second, undefined);
  });

  test('is not known to another thread', async () => {
    using shm = SharedMemory.create(64);
    const here = attach(shm.name);
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const addon = require(workerData.addonPath);
       try { addon.checkSegment(workerData.here); parentPort.postMessage('accepted'); }
       catch (error) { parentPort.postMessage(error.kind); }`,
      { eval: true, workerData: { addonPath, here } },
    );
    expect(await new Promise((resolve) => void worker.once('message', resolve))).toBe('Closed');
    await worker.terminate();
    addon.closeSegment(here, undefined);
  });

  test.skipIf(!platform.tellsSegmentsApart)(
    'is not needed to unlink a closed segment, whose identity counts in all 64 bits',
    () => {
      using shm = SharedMemory.create(64, { track: false });
      const { name } = shm;
      const number = attach(name);
      const identity = ['deviceHigh', 'deviceLow', 'inodeHigh', 'inodeLow'].map(fact);
      addon.closeSegment(number, undefined);
      const unlink = (halves: number[]) => addon['unlinkClosed']?.(...([name, ...halves] as never[]));
      for (const half of identity.keys()) {
        const other = identity.map((value, at) => (at === half ? (value ^ 1) >>> 0 : value));
        expect(() => unlink(other)).toThrow(expect.objectContaining({ kind: 'NotFound' }));
      }
      expect(exists(name)).toBe(true);
      unlink(identity);
      expect(exists(name)).toBe(false);
    },
  );
});
