/** What is published about waits, and about processes that died. */
import { Channel, ChannelTimeoutError, Lock, LockTimeoutError, ProducerDiedError } from 'shareable';
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
