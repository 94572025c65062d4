/** What is published about waits, and about processes that died. */
import {
  Barrier,
  Channel,
  ChannelTimeoutError,
  Condition,
  Lock,
  LockTimeoutError,
  ProducerDiedError,
  RwLock,
  Semaphore,
  SharedEvent,
  SharedValue,
  WaitAbortedError,
  WaitTimeoutError,
} from 'shareable';
import { expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { next, record } from './support.ts';

const LOCK = ['shareable:lock:wait', 'shareable:lock:waited', 'shareable:lock:recovered'] as const;
const CHANNEL = [
  'shareable:channel:wait',
  'shareable:channel:waited',
  'shareable:channel:redelivered',
  'shareable:channel:producer-died',
] as const;
const PRIMITIVE = ['shareable:primitive:wait', 'shareable:primitive:waited', 'shareable:primitive:recovered'] as const;

test('a lock that is free is acquired without a message', async () => {
  using lock = Lock.create();
  const published = record(...LOCK);
  lock.acquire().release();
  lock.acquire({ timeout: 10 }).release();
  lock.tryAcquire()?.release();
  (await lock.acquireAsync()).release();
  expect(published).toEqual([]);
});

test('a blocking wait for a lock that ends in a time-out publishes its beginning, its end and the error', async () => {
  using lock = Lock.create();
  await using peer = forkFixture('lock/peer.ts');
  await peer.ask('attach', lock.toJSON());
  await peer.ask('acquire');
  const published = record(...LOCK);
  expect(() => lock.acquire({ timeout: 20 })).toThrow(LockTimeoutError);
  const wait = { name: lock.name, isAsync: false, timeout: 20 };
  expect(published).toEqual([
    ['shareable:lock:wait', wait],
    ['shareable:lock:waited', { ...wait, milliseconds: expect.any(Number), error: expect.any(LockTimeoutError) }],
  ]);
  const [, end] = published[1] as ['shareable:lock:waited', { milliseconds: number }];
  expect(end.milliseconds).toBeGreaterThanOrEqual(19);
});

test('an asynchronous wait publishes its end when the lock is acquired', async () => {
  using lock = Lock.create();
  const guard = lock.acquire();
  const published = record(...LOCK);
  const waiting = lock.acquireAsync();
  const wait = { name: lock.name, isAsync: true, timeout: Infinity };
  expect(published).toEqual([['shareable:lock:wait', wait]]);
  guard.release();
  (await waiting).release();
  expect(published.slice(1)).toEqual([
    ['shareable:lock:waited', { ...wait, milliseconds: expect.any(Number), error: undefined }],
  ]);
});

test.each(['acquire', 'acquireAsync', 'tryAcquire'] as const)('%s publishes that the last holder died', async (how) => {
  using lock = Lock.create();
  const peer = forkFixture('lock/peer.ts');
  await peer.ask('attach', lock.toJSON());
  await peer.ask('acquire');
  await peer.kill();
  const published = record('shareable:lock:recovered');
  const guard = await lock[how]();
  expect(guard?.recovered).toBe(true);
  guard?.release();
  expect(published).toEqual([['shareable:lock:recovered', { name: lock.name }]]);
  lock.acquire().release();
  expect(published).toHaveLength(1);
});

test('messages and room that are there at once are no waits', async () => {
  using channel = Channel.create<number>();
  const published = record(...CHANNEL);
  channel.send(1);
  await channel.sendAsync(2);
  expect([channel.receive(), await channel.receiveAsync()]).toEqual([1, 2]);
  expect(channel.tryReceive()).toBeUndefined();
  expect(published).toEqual([]);
});

test('waits for messages publish their beginning, their end and the error', async () => {
  using channel = Channel.create<number>();
  const published = record(...CHANNEL);
  expect(() => channel.receive({ timeout: 5 })).toThrow(ChannelTimeoutError);
  const begun = next('shareable:channel:wait');
  const received = channel.receiveAsync();
  await begun;
  channel.send(3);
  expect(await received).toBe(3);
  const wait = { name: channel.name, side: 'receive' };
  const milliseconds = expect.any(Number);
  expect(published).toEqual([
    ['shareable:channel:wait', { ...wait, isAsync: false, timeout: 5 }],
    [
      'shareable:channel:waited',
      { ...wait, isAsync: false, timeout: 5, milliseconds, error: expect.any(ChannelTimeoutError) },
    ],
    ['shareable:channel:wait', { ...wait, isAsync: true, timeout: Infinity }],
    ['shareable:channel:waited', { ...wait, isAsync: true, timeout: Infinity, milliseconds, error: undefined }],
  ]);
});

test('waits for room publish their beginning, their end and the error', async () => {
  using channel = Channel.create<Uint8Array>({ capacity: 4096 });
  while (channel.trySend(new Uint8Array(400)));
  const published = record(...CHANNEL);
  expect(() => channel.send(new Uint8Array(400), { timeout: 5 })).toThrow(ChannelTimeoutError);
  await expect(channel.sendAsync(new Uint8Array(400), { timeout: 5 })).rejects.toThrow(ChannelTimeoutError);
  const wait = { name: channel.name, side: 'send', timeout: 5 };
  const end = { milliseconds: expect.any(Number), error: expect.any(ChannelTimeoutError) };
  expect(published).toEqual([
    ['shareable:channel:wait', { ...wait, isAsync: false }],
    ['shareable:channel:waited', { ...wait, isAsync: false, ...end }],
    ['shareable:channel:wait', { ...wait, isAsync: true }],
    ['shareable:channel:waited', { ...wait, isAsync: true, ...end }],
  ]);
});

test('a producer that died, and a message whose reader died, are published', async () => {
  using channel = Channel.create<number>();
  const producer = forkFixture('channel/peer.ts');
  await producer.ask('attach', channel.toJSON());
  await producer.ask('send', 1);
  const reader = forkFixture('channel/peer.ts');
  await reader.ask('attach', channel.toJSON());
  expect(await reader.ask('read')).toEqual({ value: 1, redelivered: false });
  await reader.kill();
  await producer.kill();
  const published = record('shareable:channel:redelivered', 'shareable:channel:producer-died');
  {
    using message = channel.read();
    expect(message?.redelivered).toBe(true);
  }
  expect(() => channel.receive()).toThrow(ProducerDiedError);
  expect(published).toEqual([
    ['shareable:channel:redelivered', { name: channel.name }],
    ['shareable:channel:producer-died', { name: channel.name, producers: 1 }],
  ]);
});

test('primitives that need not wait publish no message', async () => {
  using semaphore = Semaphore.create(2);
  using lock = RwLock.create();
  using event = SharedEvent.create();
  using value = SharedValue.create(1);
  using barrier = Barrier.create(1);
  const published = record(...PRIMITIVE);
  semaphore.acquire({ timeout: 10 }).release();
  (await semaphore.acquireAsync()).release();
  lock.read().release();
  (await lock.writeAsync()).release();
  event.set();
  expect(event.wait({ timeout: 10 })).toBe(true);
  await event.waitAsync();
  value.update((before) => before + 1);
  expect(await value.changed({ since: 1 })).toBe(2);
  expect(barrier.wait({ timeout: 10 })).toBe(0);
  expect(published).toEqual([]);
});

test('a blocking wait that ends in a time-out is published with its error, whatever the method does then', () => {
  using semaphore = Semaphore.create(1);
  using other = Semaphore.attach(semaphore.toJSON());
  using event = SharedEvent.create();
  using barrier = Barrier.create(2);
  using condition = Condition.create();
  using lock = Lock.create();
  using _permit = other.acquire();
  using guard = lock.acquire();
  const published = record(...PRIMITIVE);
  expect(() => semaphore.acquire({ timeout: 5 })).toThrow(LockTimeoutError);
  expect(event.wait({ timeout: 5 })).toBe(false);
  expect(() => barrier.wait({ timeout: 5 })).toThrow(WaitTimeoutError);
  // It publishes what is left of its time. On a busy machine, a short one can be over before the wait begins.
  expect(() => condition.wait(guard, () => false, { timeout: 500 })).toThrow(WaitTimeoutError);
  const left = expect.toSatisfy((milliseconds: number) => milliseconds > 0 && milliseconds <= 500);
  const pair = (kind: string, name: string, error: unknown, timeout: unknown = 5) => {
    const wait = { kind, name, isAsync: false, timeout };
    return [
      ['shareable:primitive:wait', wait],
      ['shareable:primitive:waited', { ...wait, milliseconds: expect.any(Number), error }],
    ];
  };
  expect(published).toEqual([
    ...pair('Semaphore', semaphore.name, expect.any(LockTimeoutError)),
    ...pair('SharedEvent', event.name, expect.any(WaitTimeoutError)),
    ...pair('Barrier', barrier.name, expect.any(WaitTimeoutError)),
    ...pair('Condition', condition.name, expect.any(WaitTimeoutError), left),
  ]);
});

test('asynchronous waits for primitives are published', async () => {
  using semaphore = Semaphore.create(1);
  using value = SharedValue.create(1);
  using event = SharedEvent.create();
  const permit = semaphore.acquire();
  const published = record(...PRIMITIVE);
  const acquired = semaphore.acquireAsync();
  permit.release();
  (await acquired).release();
  const changed = value.changed({ timeout: 30_000 });
  value.set(2);
  expect(await changed).toBe(2);
  const abort = new AbortController();
  const waiting = event.waitAsync({ signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toThrow(WaitAbortedError);
  const pair = (kind: string, name: string, timeout: unknown, error?: unknown) => {
    const wait = { kind, name, isAsync: true, timeout };
    return [
      ['shareable:primitive:wait', wait],
      ['shareable:primitive:waited', { ...wait, milliseconds: expect.any(Number), error }],
    ];
  };
  expect(published).toEqual([
    ...pair('Semaphore', semaphore.name, Infinity),
    ...pair('SharedValue', value.name, expect.closeTo(30_000, -4)),
    ...pair('SharedEvent', event.name, Infinity, expect.any(WaitAbortedError)),
  ]);
});

test.each(['acquire', 'acquireAsync'] as const)('%s of a semaphore publishes that a holder died', async (how) => {
  using semaphore = Semaphore.create(1);
  const peer = forkFixture('primitives/peer.ts');
  await peer.ask('attach', 'Semaphore', semaphore.toJSON());
  await peer.ask('acquire');
  await peer.kill();
  const published = record('shareable:primitive:recovered');
  const guard = await semaphore[how]();
  expect(guard.recovered).toBe(true);
  guard.release();
  expect(published).toEqual([['shareable:primitive:recovered', { kind: 'Semaphore', name: semaphore.name }]]);
});

test('a write lock publishes that the last writer died', async () => {
  using lock = RwLock.create();
  const peer = forkFixture('primitives/peer.ts');
  await peer.ask('attach', 'RwLock', lock.toJSON());
  await peer.ask('write');
  await peer.kill();
  const published = record('shareable:primitive:recovered');
  const guard = lock.write();
  expect(guard.recovered).toBe(true);
  guard.release();
  expect(published).toEqual([['shareable:primitive:recovered', { kind: 'RwLock', name: lock.name }]]);
});
