/** Waits under a clock that the program has replaced, as fake timers do. */
import { Barrier, Channel, Condition, Lock, RwLock, Semaphore, SharedEvent, SharedValue } from 'shareable';
import { afterEach, expect, test, vi } from 'vitest';

const TIMEOUT = 30;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Clocks that a program can put in place of `performance.now`. */
const clocks: Record<string, () => () => number> = {
  'goes back': () => {
    let time = 1e6;
    return () => (time -= 100);
  },
  'jumps back': () => {
    let calls = 0;
    return () => (calls++ === 0 ? 1e9 : 5);
  },
  'stands still': () => () => 7,
};

test.each(Object.keys(clocks))('every wait ends in time when performance.now %s', async (name) => {
  using stack = new DisposableStack();
  const lock = stack.use(Lock.create());
  const semaphore = stack.use(Semaphore.create(1));
  const gate = stack.use(RwLock.create());
  const event = stack.use(SharedEvent.create());
  const barrier = stack.use(Barrier.create(2));
  const value = stack.use(SharedValue.create(1));
  const channel = stack.use(Channel.create({ capacity: 4096 }));
  const condition = stack.use(Condition.create());
  const conditionLock = stack.use(Lock.create());
  // The barrier comes last: a time-out breaks it.
  const waits: (() => unknown)[] = [
    () => lock.acquireAsync({ timeout: TIMEOUT }),
    () => semaphore.acquireAsync({ timeout: TIMEOUT }),
    () => gate.readAsync({ timeout: TIMEOUT }),
    () => event.waitAsync({ timeout: TIMEOUT }),
    () => value.changed({ timeout: TIMEOUT }),
    () => channel.receiveAsync({ timeout: TIMEOUT }),
    () => {
      using guard = conditionLock.acquire();
      condition.wait(guard, () => false, { timeout: TIMEOUT });
    },
    async () => {
      using guard = conditionLock.acquire();
      await condition.waitAsync(guard, () => false, { timeout: TIMEOUT });
    },
    () => barrier.waitAsync({ timeout: TIMEOUT }),
  ];
  const [otherLock, otherSemaphore, otherGate] = [Lock.attach(lock), Semaphore.attach(semaphore), RwLock.attach(gate)];
  for (const other of [otherLock, otherSemaphore, otherGate]) stack.use(other);
  stack.use(otherLock.acquire());
  stack.use(otherSemaphore.acquire());
  stack.use(otherGate.write());
  vi.spyOn(performance, 'now').mockImplementation((clocks[name] as () => () => number)());
  const ended = [];
  for (const wait of waits) {
    try {
      await wait();
      ended.push('no time-out');
    } catch (error) {
      ended.push((error as { code?: string }).code);
    }
  }
  expect(ended).toEqual(waits.map(() => 'ETIMEDOUT'));
});
