import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from 'vitest';

import { ShareableList, SharedMemory } from 'shareable';

import { platform } from '../support/platform.ts';
import { addonPath } from '../support/processes.ts';
import { exists } from '../support/segments.ts';

/** The addon itself. The package checks its numbers, so only a direct call can pass a wrong one. */
interface Addon {
  segmentFacts(): ArrayBuffer;
  factPlaces(): Record<string, number>;
  attachNamed(name: string): void;
  attachListNamed(name: string): void;
  leave(): number;
  [operation: string]: (...args: never[]) => unknown;
}

const addon = createRequire(import.meta.url)(addonPath) as Addon;
const facts = new Float64Array(addon.segmentFacts());
const places = addon.factPlaces();

/** Returns a fact about the segment that was attached to last. */
const fact = (name: string): number => facts[places[name] ?? NaN] ?? NaN;

/** Writes what the next call takes from the array of facts. */
function tell(name: string, value: number): void {
  facts[places[name] ?? NaN] = value;
}

function attach(name: string): number {
  tell('settings', 0);
  addon.attachNamed(name);
  return fact('handle');
}

function close(number: number): void {
  tell('handle', number);
  tell('settings', 0);
  addon.leave();
}

/** Every operation that takes the number of a segment from the array of facts, with its arguments. */
const TOLD: [name: string, ...args: unknown[]][] = [
  ['bufferOf'],
  ['leave'],
  ['leaveBuffer', new ArrayBuffer(8)],
  ['leaveBuffer', 'no buffer'],
  ['leaveBuffer'],
  ['findList'],
  ['getSlot'],
  ['setSlot', 1],
  ['setSlot', 'text'],
  ['setSlot', null],
];

/** Every operation that takes the number of a segment as an argument. */
const OPERATIONS: [name: string, ...args: unknown[]][] = [
  ['checkSegment'],
  ['unlinkSegment'],
  ['findChannel'],
  ['listAdd', 0, 1],
  ['listCapacity', 0],
  ['listCount', 1],
  ['listFind', 1, 0],
  ['listFormat'],
];

/** Passes stale and made-up numbers to `act`, and returns what the addon calls each of them. */
function refusals(act: (number: number) => unknown): unknown[] {
  using shm = SharedMemory.create(64);
  const stale = attach(shm.name);
  close(stale);
  const open = attach(shm.name);
  const numbers = [stale, 0, -open, open + 0.5, open + 1000, -0, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 80];
  const found = numbers.map((number) => {
    try {
      return act(number);
    } catch (error) {
      return (error as { kind: unknown }).kind;
    }
  });
  close(open);
  SharedMemory.attach(shm.name).close();
  return found;
}

const ALL_REFUSED = Array.from({ length: 11 }, () => 'Closed');

describe('the number of a slot in the addon', () => {
  test.each(['getSlot', 'setSlot'])('is out of range for %s unless it is that of a slot of the list', (operation) => {
    using list = ShareableList.create([1, 2, 3]);
    tell('settings', 0);
    addon.attachListNamed(list.name);
    const handle = fact('handle');
    for (const index of [3, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, 2 ** 80]) {
      tell('handle', handle);
      tell('index', index);
      expect(() => addon[operation]?.(7 as never)).toThrow(expect.objectContaining({ kind: 'OutOfRange' }));
    }
    close(handle);
    expect(list.toArray()).toEqual([1, 2, 3]);
  });
});

describe('the number of a segment in the addon', () => {
  test.each(OPERATIONS)('is refused by %s when it is stale or made up', (operation, ...args) => {
    expect(refusals((number) => addon[operation]?.(...([number, ...args] as never[])))).toEqual(ALL_REFUSED);
  });

  test.each(TOLD)('is refused by %s(%j) in the array of facts when it is stale or made up', (operation, ...args) => {
    const act = (number: number) => {
      tell('handle', number);
      return addon[operation]?.(...(args as never[]));
    };
    expect(refusals(act)).toEqual(ALL_REFUSED);
  });

  test('is not accepted for a value of another type', () => {
    for (const value of ['1', null, {}, 1n]) {
      expect(() => addon['checkSegment']?.(value as never)).toThrow(Error);
    }
  });

  test('of a list is one of its own, also after the segment was closed and another one opened', () => {
    using shm = SharedMemory.create(64);
    const first = attach(shm.name);
    close(first);
    const second = attach(shm.name);
    expect(second).not.toBe(first);
    expect(() => addon['listCapacity']?.(...([second, 0] as never[]))).toThrow(
      expect.objectContaining({ kind: 'Closed' }),
    );
    close(second);
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
    close(here);
  });

  test.skipIf(!platform.tellsSegmentsApart)(
    'is not needed to unlink a closed segment, whose identity counts in all 64 bits',
    () => {
      using shm = SharedMemory.create(64, { track: false });
      const { name } = shm;
      const number = attach(name);
      const identity = ['deviceHigh', 'deviceLow', 'inodeHigh', 'inodeLow'].map(fact);
      close(number);
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
