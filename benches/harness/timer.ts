/**
 * Measures how long an operation takes. `timer.py` and `timer.h` follow the same rules: a first call, which is the result if
 * it takes longer than a second; then calls until the code is warm; then batches of some milliseconds. The result is their
 * median.
 */

const LONG = 1e9;
const WARM = 40e6;
const BATCH = 4e6;
const TOTAL = 80e6;
const MIN_BATCHES = 5;

const now = (): number => Number(process.hrtime.bigint());

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Returns the nanoseconds per operation, where `act` does `count` operations. */
export function timed(act: () => void, count = 1): number {
  const start = now();
  act();
  let elapsed = now() - start;
  if (elapsed > LONG) return elapsed / count;
  let calls = 1;
  while (elapsed < WARM) {
    act();
    calls++;
    elapsed = now() - start;
  }
  const size = Math.max(1, Math.round((BATCH * calls) / elapsed));
  const batches: number[] = [];
  for (let total = 0; total < TOTAL || batches.length < MIN_BATCHES;) {
    const begin = now();
    for (let i = 0; i < size; i++) act();
    const time = now() - begin;
    total += time;
    batches.push(time / (size * count));
    if (total > 2 * LONG) break;
  }
  return median(batches);
}

/** Does the same as {@link timed} for asynchronous operations. Each call is a batch. */
export async function timedAsync(act: () => Promise<void>): Promise<number> {
  const once = async (): Promise<number> => {
    const start = now();
    await act();
    return now() - start;
  };
  const first = await once();
  if (first > LONG) return first;
  for (let total = first; total < WARM;) total += await once();
  const times: number[] = [];
  for (let total = 0; total < 2 * TOTAL || times.length < MIN_BATCHES;) {
    const time = await once();
    total += time;
    times.push(time);
    if (total > 2 * LONG) break;
  }
  return median(times);
}

/** Throws if the operation's result is wrong. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`the result is wrong: ${what}`);
}
