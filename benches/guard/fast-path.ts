/**
 * Measures the list's fast path in TypeScript as a multiple of a plain read of a typed array. It takes the least of many
 * short, interleaved batches, so that other load matters little.
 */
import { ShareableList } from 'shareable';

const LENGTH = 1000;
const BATCHES = 60;
const PASSES = 20;
const WARM_UP = 200;

type Pass = () => void;

function floor(): Pass {
  const numbers = Float64Array.from({ length: LENGTH }, (_, i) => i);
  return () => {
    let hits = 0;
    for (let i = 0; i < LENGTH; i++) if (numbers[i] === LENGTH - 1) hits++;
    if (hits !== 1) throw new Error('the value is not there once');
  };
}

function read<T extends number | string>(list: ShareableList<T>, wanted: T, count: number): Pass {
  return () => {
    let hits = 0;
    for (let i = 0; i < LENGTH; i++) if (list.get(i) === wanted) hits++;
    if (hits !== count) throw new Error('the value is not there as often as it should be');
  };
}

function least(pass: Pass): () => number {
  for (let i = 0; i < WARM_UP; i++) pass();
  return () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < PASSES; i++) pass();
    return Number(process.hrtime.bigint() - start) / (PASSES * LENGTH);
  };
}

/** The cost of the operation as a multiple of the floor. `repeats` repeats it, to check that the guard notices. */
export function measureFastPath(operation: string, repeats = 1): number {
  const ints = Array.from({ length: LENGTH }, (_, i) => i);
  const makers: Record<string, () => [list: ShareableList<never>, pass: Pass]> = {
    'get int': () => {
      const list = ShareableList.create(ints);
      return [list as never, read(list, LENGTH - 1, 1)];
    },
    'get float': () => {
      const list = ShareableList.create(ints.map((i) => i + 0.5));
      return [list as never, read(list, 0.5, 1)];
    },
    'get 11-byte str': () => {
      const list = ShareableList.create(ints.map(() => 'hello world'));
      return [list as never, read(list, 'hello world', LENGTH)];
    },
    'set int': () => {
      const list = ShareableList.create(ints);
      return [
        list as never,
        () => {
          for (let i = 0; i < LENGTH; i++) list.set(i, LENGTH - i);
        },
      ];
    },
    'set float': () => {
      const list = ShareableList.create(ints.map((i) => i + 0.5));
      return [
        list as never,
        () => {
          for (let i = 0; i < LENGTH; i++) list.set(i, i + 0.25);
        },
      ];
    },
    'set 11-byte str': () => {
      const list = ShareableList.create(ints.map(() => 'hello world'));
      return [
        list as never,
        () => {
          for (let i = 0; i < LENGTH; i++) list.set(i, 'hello there');
        },
      ];
    },
  };
  const make = makers[operation];
  if (make === undefined) throw new Error(`${operation} is not measured here`);
  const [list, pass] = make();
  try {
    const [base, ours] = [least(floor()), least(pass)];
    let [leastBase, leastOurs] = [Infinity, Infinity];
    for (let batch = 0; batch < BATCHES; batch++) {
      leastBase = Math.min(leastBase, base());
      let time = 0;
      for (let repeat = 0; repeat < repeats; repeat++) time += ours();
      leastOurs = Math.min(leastOurs, time);
    }
    return leastOurs / leastBase;
  } finally {
    list[Symbol.dispose]();
  }
}

export const FAST_PATH = ['get int', 'get float', 'get 11-byte str', 'set int', 'set float', 'set 11-byte str'];

// Each operation has a process of its own, because the engine compiles it for the types that it meets.
if (import.meta.main) {
  const [operation = '', repeats = '1'] = process.argv.slice(2);
  process.stdout.write(`${measureFastPath(operation, Number(repeats))}\n`);
}
