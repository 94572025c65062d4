import { Channel, NoConsumerError, ProducerDiedError, bytes } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';

describe('a producer that is killed', () => {
  test.each(['receive', 'receiveAsync'] as const)(
    'is told to consumers once, after all that it sent: %s',
    async (how) => {
      using channel = Channel.create<[number, number, string]>({ producers: 2 });
      channel.send([9, 9, '']);
      const child = forkFixture('channel/peer.ts');
      await child.ask('attach', channel.toJSON());
      await child.ask('sendMany', 1, 10);
      await child.kill();
      const next = async () => (how === 'receive' ? channel.receive() : channel.receiveAsync());
      expect(await next()).toEqual([9, 9, '']);
      for (let i = 0; i < 10; i++) expect((await next())?.[1]).toBe(i);
      await expect(next()).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_PEER_DIED', producers: 1 }));
      channel.send([9, 10, '']);
      expect(await next()).toEqual([9, 10, '']);
      channel.end();
      expect(await next()).toBeUndefined();
    },
  );

  test('while a consumer waits wakes it', async () => {
    using channel = Channel.create<number>({ producers: 1 });
    await using producer = forkFixture('channel/peer.ts');
    await producer.ask('attach', channel.toJSON());
    await producer.ask('send', 1);
    expect(channel.receive()).toBe(1);
    const told = channel.receiveAsync().catch((error: unknown) => error);
    await producer.kill();
    expect(await told).toBeInstanceOf(ProducerDiedError);
    expect(await channel.receiveAsync()).toBeUndefined();
  });

  test('with a reservation leaves nothing of it, and the lock to others', async () => {
    using channel = Channel.create({ codec: bytes });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON(), 'bytes');
    await child.ask('reserve', 50);
    expect(channel.trySend(Uint8Array.of(1))).toBe(false);
    await child.kill();
    channel.send(Uint8Array.of(2));
    expect(channel.receive()).toEqual(Uint8Array.of(2));
  });

  test('in the middle of a long message leaves nothing of it', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 65_536 });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON(), 'bytes');
    await child.ask('beginLarge', 1_000_000);
    await expect.poll(() => channel.used).toBeGreaterThan(30_000);
    await child.kill();
    await expect(channel.receiveAsync()).rejects.toThrow(ProducerDiedError);
    channel.send(Uint8Array.of(2));
    expect(await channel.receiveAsync()).toEqual(Uint8Array.of(2));
    expect(channel.used).toBe(0);
  });
});

describe('a consumer that is killed', () => {
  test('with a message in place leaves it to the next, who is told', async () => {
    using channel = Channel.create<string>();
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON());
    channel.send('first');
    channel.send('second');
    expect(await child.ask('read')).toEqual({ value: 'first', redelivered: false });
    expect(channel.tryReceive()).toBeUndefined();
    await child.kill();
    {
      using message = channel.read();
      expect([message?.value, message?.redelivered]).toEqual(['first', true]);
    }
    {
      using message = await channel.readAsync();
      expect([message?.value, message?.redelivered]).toEqual(['second', false]);
    }
  });

  test('as the last one leaves senders an error, where the producers are known', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 4096, producers: 1 });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON(), 'bytes');
    channel.send(new Uint8Array(100));
    await child.ask('receive');
    while (channel.trySend(new Uint8Array(100)));
    await child.kill();
    expect(() => channel.send(new Uint8Array(100))).toThrow(NoConsumerError);
    await expect(channel.sendAsync(new Uint8Array(100))).rejects.toThrow(NoConsumerError);
  });

  test('in the middle of a long message costs at most that message, and no part of it shows', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 65_536 });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON(), 'bytes');
    const receiving = child.ask('receiveAsync').catch(() => {});
    const sending = channel.sendAsync(new Uint8Array(5_000_000));
    await expect.poll(() => channel.peers().consumers).toBe(1);
    await child.kill();
    await receiving;
    const last = sending.then(() => channel.sendAsync(Uint8Array.of(3)));
    const lengths: (number | undefined)[] = [];
    while (lengths.at(-1) !== 1) lengths.push((await channel.receiveAsync())?.length);
    await last;
    expect([[1], [5_000_000, 1]]).toContainEqual(lengths);
  });
});
