import { RwLock, Semaphore, SharedEvent, SharedValue } from 'shareable';

import { cpython, ours } from '../harness/operation.ts';
import type { Operation } from '../harness/operation.ts';
import { check, timed } from '../harness/timer.ts';

type Kind =
  | 'semaphore'
  | 'value get'
  | 'value set'
  | 'event is set'
  | 'event set and clear'
  | 'read lock'
  | 'write lock';
const TIMES = 1000;

function many(act: () => void): number {
  return timed(() => {
    for (let i = 0; i < TIMES; i++) act();
  }, TIMES);
}

function semaphore(): number {
  using shared = Semaphore.create(2);
  const cost = many(() => shared.acquire().release());
  check(shared.free === 2, 'all permits are back');
  return cost;
}

function valueGet(): number {
  using shared = SharedValue.create(1.5);
  return many(() => check(shared.get() === 1.5, 'the value'));
}

function valueSet(): number {
  using shared = SharedValue.create(1.5);
  const cost = many(() => shared.set(2.5));
  check(shared.get() === 2.5, 'the value');
  return cost;
}

function eventIsSet(): number {
  using event = SharedEvent.create();
  event.set();
  return many(() => check(event.isSet, 'it is set'));
}

function eventSetAndClear(): number {
  using event = SharedEvent.create();
  const cost = many(() => {
    event.set();
    event.clear();
  });
  check(!event.isSet, 'it is cleared');
  return cost;
}

function readLock(): number {
  using lock = RwLock.create();
  const cost = many(() => lock.read().release());
  lock.write({ timeout: 0 }).release();
  return cost;
}

function writeLock(): number {
  using lock = RwLock.create();
  const cost = many(() => lock.write().release());
  lock.write({ timeout: 0 }).release();
  return cost;
}

const measures: Record<Kind, () => number> = {
  semaphore,
  'value get': valueGet,
  'value set': valueSet,
  'event is set': eventIsSet,
  'event set and clear': eventSetAndClear,
  'read lock': readLock,
  'write lock': writeLock,
};
const KINDS = Object.keys(measures);

export default {
  title: 'a primitive without contention',
  unit: 'ns',
  axis: 'operation',
  points: KINDS,
  quick: KINDS,
  contenders: {
    shareable: ours((kind: Kind) => measures[kind]()),
    cpython: cpython({ only: KINDS.filter((kind) => !kind.endsWith(' lock')) }),
  },
} satisfies Operation;
