import { statSync, watch } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import {
  Channel,
  ChannelAbortedError,
  ChannelEndedError,
  ChannelTimeoutError,
  LayoutError,
  MessageSizeError,
  SegmentClosedError,
  SegmentNotFoundError,
  SharedMemory,
  SharedValue,
  bytes,
  clone,
  json,
  struct,
  text,
} from 'shareable';
import type { Codec } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { freshName, pathOf } from '../support/segments.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('within one process', () => {
  test('messages come in the order in which they were sent', () => {
    using channel = Channel.create<unknown & {}>();
    const values = [1, 'zwei', new Uint8Array([3]), { four: [4] }, true, new Map([[6, 'six']]), 7n];
    for (const value of values) channel.send(value);
    expect(channel.used).toBeGreaterThan(0);
    for (const value of values) expect(channel.receive()).toStrictEqual(value);
    expect(channel.tryReceive()).toBeUndefined();
    expect(channel.used).toBe(0);
    expect(channel.ended).toBe(false);
  });

  test('a full ring takes nothing more, and as much again once it is empty', () => {
    using channel = Channel.create({ capacity: 4096, codec: text });
    const fill = () => {
      let sent = 0;
      while (channel.trySend(`message ${sent}`)) sent += 1;
      return sent;
    };
    for (let round = 0; round < 5; round++) {
      const sent = fill();
      expect(sent).toBeGreaterThan(100);
      for (let i = 0; i < sent; i++) expect(channel.tryReceive()).toBe(`message ${i}`);
      expect(channel.tryReceive()).toBeUndefined();
    }
    fill();
    expect(() => channel.send('one more', { timeout: 20 })).toThrow(ChannelTimeoutError);
    expect(() => channel.send('one more', { timeout: 0 })).toThrow(ChannelTimeoutError);
  });

  test('every length from 0 to past an eighth of the ring arrives whole', () => {
    using channel = Channel.create({ capacity: 4096, codec: bytes });
    const into = new Uint8Array(512);
    for (let length = 0; length <= 512; length++) {
      const value = Uint8Array.from({ length }, (_, i) => i ^ length);
      channel.send(value);
      const got = length % 2 === 0 ? channel.receive() : into.slice(0, channel.receiveInto(into));
      expect(got).toEqual(value);
    }
  });

  test('a message larger than the ring streams through it', async () => {
    using channel = Channel.create({ capacity: 4096, codec: bytes });
    for (const length of [513, 4095, 4096, 5000, 100_000]) {
      const value = Uint8Array.from({ length }, (_, i) => i * 7);
      const sent = channel.sendAsync(value);
      expect(await channel.receiveAsync()).toEqual(value);
      await sent;
      const into = new Uint8Array(length + 3);
      const again = channel.sendAsync(value);
      expect(await channel.receiveIntoAsync(into)).toBe(length);
      await again;
      expect(into.subarray(0, length)).toEqual(value);
    }
    expect(channel.used).toBe(0);
  });

  test('trySend of a long message does not wait for a producer that writes one in place', () => {
    using channel = Channel.create({ capacity: 4096, codec: bytes });
    using other = Channel.attach(channel, { codec: bytes });
    // The time-out of this call must not be that of the next one.
    channel.send(Uint8Array.of(1), { timeout: 60_000 });
    expect(channel.receive()).toEqual(Uint8Array.of(1));
    {
      // The ring is empty, and only its lock is taken.
      using room = other.reserve(10);
      expect([
        channel.used,
        channel.trySend(new Uint8Array(2000)),
        channel.trySendMany([new Uint8Array(2000)]),
      ]).toEqual([0, false, 0]);
      room.commit(10);
    }
    expect(channel.receive()).toHaveLength(10);
    expect(channel.trySend(new Uint8Array(2000))).toBe(true);
    expect(channel.receive()).toHaveLength(2000);
  });

  test('a message as it was when it was sent, whatever its sender does to it afterwards', async () => {
    using channel = Channel.create({ capacity: 4096, codec: bytes });
    while (channel.trySend(new Uint8Array(100)));
    const value = new Uint8Array(100).fill(1);
    const sent = channel.sendAsync(value);
    value.fill(2);
    for (let got = await channel.receiveAsync(); got?.[0] !== 1; got = await channel.receiveAsync()) {
      expect(got?.[0]).toBe(0);
    }
    await sent;
  });

  test('a long message as it was when it was sent, also the part that waits for room', async () => {
    for (const codec of [bytes, clone<Uint8Array>()]) {
      using channel = Channel.create({ capacity: 4096, codec });
      const value = new Uint8Array(100_000).fill(1);
      // Long enough that the next call lets the event loop turn.
      for (const begin = performance.now(); performance.now() < begin + 2;) expect(channel.closed).toBe(false);
      const sent = channel.sendAsync(value);
      expect(channel.used).toBeGreaterThan(3000);
      value.fill(2);
      expect(await channel.receiveAsync()).toEqual(new Uint8Array(100_000).fill(1));
      await sent;
    }
  });

  test('long bytes by structured clone arrive whole, where an array of any type can view them', async () => {
    using channel = Channel.create<unknown & {}>({ capacity: 4096 });
    for (const length of [...Array(40).keys()].map((i) => 496 + i).concat(4096, 100_000)) {
      const value = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      const sent = channel.sendAsync(value);
      const got = (await channel.receiveAsync()) as Uint8Array;
      await sent;
      expect(got).toEqual(value);
      expect(got.byteOffset % Float64Array.BYTES_PER_ELEMENT).toBe(0);
      const again = channel.sendAsync({ value });
      expect(await channel.receiveAsync()).toEqual({ value });
      await again;
    }
  });

  test('a codec that writes more after the bytes of a built-in one sends all of it, however long', async () => {
    const checked: Codec<Uint8Array> = {
      id: 300,
      encode(value, reserve) {
        let room: ReturnType<typeof reserve> | undefined;
        const used = bytes.encode(value, (length, ...rest: []) => (room = reserve(length + 1, ...rest)));
        if (room !== undefined) room.bytes[room.start + used] = value.reduce((sum, byte) => sum ^ byte, 0);
        return used + 1;
      },
      decode: (all) => {
        expect(all.reduce((sum, byte) => sum ^ byte, 0)).toBe(0);
        return all.slice(0, -1);
      },
    };
    using channel = Channel.create({ capacity: 4096, codec: checked });
    for (const length of [10, 511, 512, 5000]) {
      const value = Uint8Array.from({ length }, (_, i) => i * 7);
      const sent = channel.sendAsync(value);
      expect(await channel.receiveAsync()).toEqual(value);
      await sent;
    }
  });

  test('many at a time', async () => {
    using channel = Channel.create({ capacity: 4096, codec: text });
    const values = Array.from({ length: 1000 }, (_, i) => String(i));
    const first = channel.trySendMany(values);
    expect(first).toBeGreaterThan(50);
    expect(first).toBeLessThan(1000);
    expect(channel.receiveMany(10)).toEqual(values.slice(0, 10));
    expect(channel.receiveMany(1000)).toEqual(values.slice(10, first));
    const sent = channel.sendManyAsync(values);
    const got: string[] = [];
    while (got.length < 1000) got.push(...(await channel.receiveManyAsync(64)));
    await sent;
    expect(got).toEqual(values);
  });

  test('a value that cannot be encoded sends nothing, alone or among others', () => {
    using channel = Channel.create<unknown & {}>();
    expect(() => channel.send({ f() {} })).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(() => channel.trySendMany([1, 2, () => {}])).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(() => channel.send(undefined as never)).toThrow(code('ERR_INVALID_ARG_TYPE'));
    expect(channel.tryReceive()).toBeUndefined();
    channel.send(1);
    expect(channel.receive()).toBe(1);
  });

  test('in place: reserve and commit, read, give back', () => {
    using channel = Channel.create({ codec: bytes });
    {
      using room = channel.reserve(100);
      expect(() => channel.send(new Uint8Array(1))).toThrow(code('ERR_SHM_CHANNEL_BUSY'));
      room.bytes.fill(5);
      room.commit(3);
      expect(room.bytes).toHaveLength(0);
    }
    {
      using _unused = channel.reserve(100);
    }
    expect(() => channel.reserve(channel.capacity / 8 + 1)).toThrow(MessageSizeError);
    {
      using message = channel.read();
      expect(message?.bytes).toEqual(Uint8Array.of(5, 5, 5));
      expect(message?.value).toEqual(Uint8Array.of(5, 5, 5));
      expect(message?.redelivered).toBe(false);
      expect(() => channel.tryReceive()).toThrow(code('ERR_SHM_CHANNEL_BUSY'));
      message?.giveBack();
      expect(message?.bytes).toHaveLength(0);
    }
    {
      using message = channel.read();
      expect(message?.redelivered).toBe(true);
    }
    expect(() => channel.read({ timeout: 1 })).toThrow(ChannelTimeoutError);
  });

  test('drain gives every message in place, and counts one whose handler throws as received', () => {
    using channel = Channel.create({ codec: text });
    for (const value of ['a', 'b', 'c', 'd']) channel.send(value);
    const seen: string[] = [];
    const look = (all: Uint8Array, start: number, length: number) => {
      seen.push(Buffer.from(all.slice(start + 1, start + length)).toString('latin1'));
    };
    expect(channel.drain(look, 2)).toBe(2);
    expect(() =>
      channel.drain(() => {
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect(channel.drain(look)).toBe(1);
    expect(seen).toEqual(['a', 'b', 'd']);
  });

  test('iterators that are left by break and by throw lose nothing that they did not give', async () => {
    using channel = Channel.create<number>();
    for (let i = 0; i < 6; i++) channel.send(i);
    for (const value of channel) if (value === 0) break;
    for await (const value of channel) if (value === 1) break;
    for await (const values of channel.batches(2)) {
      expect(values).toEqual([2, 3]);
      break;
    }
    await expect(async () => {
      for await (const value of channel) throw new Error(`at ${value}`);
    }).rejects.toThrow('at 4');
    expect(channel.receive()).toBe(5);
  });

  test('an iterator serves calls in their order, and gives nothing after it was left', async () => {
    using channel = Channel.create({ codec: text });
    const messages = channel[Symbol.asyncIterator]();
    const both = [messages.next(), messages.next()];
    channel.send('first');
    channel.send('second');
    channel.send('third');
    expect(await Promise.all(both)).toStrictEqual([
      { value: 'first', done: false },
      { value: 'second', done: false },
    ]);
    expect(await messages.return?.()).toStrictEqual({ value: undefined, done: true });
    expect(await messages.next()).toStrictEqual({ value: undefined, done: true });
    expect(channel.receive()).toBe('third');
  });

  test.each([0.4, 1.5])('the event loop turns while messages that take %d ms each are handled', async (cost) => {
    using channel = Channel.create({ codec: text, producers: 1 });
    for (let i = 0; i < 40; i++) channel.send('a message');
    channel.end();
    let turns = 0;
    let handled = 0;
    // How many messages were handled between two turns.
    let most = 0;
    let since = 0;
    const turn = (): void => {
      turns += 1;
      most = Math.max(most, handled - since);
      since = handled;
      if (handled < 40) setImmediate(turn);
    };
    setImmediate(turn);
    for await (const message of channel) {
      expect(message).toBe('a message');
      const end = performance.now() + cost;
      while (performance.now() < end);
      handled += 1;
    }
    await new Promise(setImmediate);
    expect(handled).toBe(40);
    expect(most).toBeLessThanOrEqual(6);
    expect(turns).toBeGreaterThan(40 / 6);
  });

  test('null is a message like any other, for iterators too', async () => {
    using channel = Channel.create<number | null>({ producers: 1 });
    for (let i = 0; i < 100; i++) channel.send(i % 2 === 0 ? null : i);
    channel.end();
    const got: (number | null)[] = [];
    for await (const value of channel) got.push(value);
    expect(got).toHaveLength(100);
  });

  test('Web Streams in and out', async () => {
    using source = Channel.create<number>({ producers: 1 });
    using sink = Channel.create<number>({ producers: 1 });
    for (let i = 0; i < 100; i++) source.send(i);
    source.end();
    await source.readable.pipeTo(sink.writable);
    const got: number[] = [];
    for await (const value of sink) got.push(value);
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(sink.ended).toBe(true);
  });

  test('a stream that was cancelled takes no further message', async () => {
    using channel = Channel.create<number>();
    const reader = channel.readable.getReader();
    const read = reader.read();
    await reader.cancel();
    expect(await read).toEqual({ done: true, value: undefined });
    channel.send(1);
    // A wait that went on would have it: waits are served in their order.
    expect(await channel.receiveAsync()).toBe(1);

    const piping = new AbortController();
    using piped = Channel.create<number>();
    const done = piped.readable.pipeTo(new WritableStream(), { signal: piping.signal });
    piping.abort();
    await expect(done).rejects.toThrow('aborted');
    piped.send(3);
    expect(await piped.receiveAsync()).toBe(3);
  });

  test('a stream that is aborted does not wait for room', async () => {
    using channel = Channel.create<Uint8Array>({ codec: bytes, capacity: 4096, producers: 1 });
    const message = new Uint8Array(500);
    while (channel.trySend(message));
    const writer = channel.writable.getWriter();
    const write = writer.write(message);
    write.catch(() => {});
    // By then the stream has begun to write.
    await new Promise(setImmediate);
    await writer.abort(new Error('no more'));
    await expect(write).rejects.toThrow(ChannelAbortedError);
    expect(() => channel.send(message)).toThrow(ChannelEndedError);
  });

  test('the end: by the producers, by shutdown, at once', async () => {
    using first = Channel.create<number>({ producers: 1 });
    first.send(1);
    first.end();
    first.end();
    expect(() => first.send(2)).toThrow(ChannelEndedError);
    await expect(first.sendAsync(2)).rejects.toThrow(ChannelEndedError);
    expect([first.ended, first.receive(), first.receive(), first.receiveMany(3), first.ended]).toEqual([
      false,
      1,
      undefined,
      [],
      true,
    ]);
    expect(first.receiveInto(new Uint8Array(1))).toBe(-1);

    using second = Channel.create<number>();
    second.send(1);
    second.shutdown();
    expect(() => second.send(2)).toThrow(ChannelEndedError);
    expect(() => second.trySendMany([2])).toThrow(ChannelEndedError);
    expect([second.receive(), second.receive()]).toEqual([1, undefined]);

    using third = Channel.create<number>();
    third.send(1);
    const waiting = third.receiveAsync().then(() => third.receiveAsync());
    third.shutdown({ immediate: true });
    expect(await waiting).toBeUndefined();
  });

  test('an immediate shutdown discards what waits, also for those who do not wait', async () => {
    const ways: Record<string, (channel: Channel<Uint8Array>) => unknown> = {
      tryReceive: (channel) => channel.tryReceive(),
      receive: (channel) => channel.receive({ timeout: 1000 }),
      receiveAsync: (channel) => channel.receiveAsync(),
      receiveInto: (channel) => (channel.receiveInto(new Uint8Array(5000)) === -1 ? undefined : 'bytes'),
      receiveMany: (channel) => channel.receiveMany(9)[0],
      iterator: (channel) => [...channel][0],
      drain: (channel) => (channel.drain(() => {}) === 0 ? undefined : 'messages'),
    };
    for (const [name, receive] of Object.entries(ways)) {
      for (const length of [1, 2000]) {
        using channel = Channel.create({ capacity: 4096, codec: bytes });
        using other = Channel.attach(channel, { codec: bytes });
        other.send(new Uint8Array(length));
        other.shutdown({ immediate: true });
        expect([name, await receive(channel), channel.used, channel.ended]).toEqual([name, undefined, 0, true]);
      }
    }
  });

  test('time-outs and signals end a wait', async () => {
    using channel = Channel.create<number>();
    expect(() => channel.receive({ timeout: 5 })).toThrow(ChannelTimeoutError);
    await expect(channel.receiveAsync({ timeout: 5 })).rejects.toThrow(ChannelTimeoutError);
    await expect(channel.receiveAsync({ timeout: 0 })).rejects.toThrow(ChannelTimeoutError);
    const controller = new AbortController();
    const waiting = channel.receiveAsync({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow(ChannelAbortedError);
    await expect(channel.sendAsync(1, { signal: controller.signal })).rejects.toThrow(ChannelAbortedError);
    expect(channel.tryReceive()).toBeUndefined();
    for (const timeout of [-1, NaN, Infinity]) expect(() => channel.receive({ timeout })).toThrow(RangeError);
  });

  test('after close every use is a SegmentClosedError, and what waited is rejected', async () => {
    using channel = Channel.create<number>();
    const waiting = channel.receiveAsync();
    channel.close();
    channel.close();
    await expect(waiting).rejects.toThrow(SegmentClosedError);
    const uses = [
      () => channel.send(1),
      () => channel.trySend(1),
      () => channel.trySendMany([1]),
      () => channel.receive(),
      () => channel.tryReceive(),
      () => channel.receiveMany(1),
      () => channel.receiveInto(new Uint8Array(1)),
      () => channel.reserve(1),
      () => channel.read(),
      () => channel.drain(() => {}),
      () => channel.peers(),
      () => channel.shutdown(),
      () => channel.end(),
    ];
    for (const use of uses) expect(use).toThrow(SegmentClosedError);
    await expect(channel.receiveAsync()).rejects.toThrow(SegmentClosedError);
    await expect(channel.sendAsync(1)).rejects.toThrow(SegmentClosedError);
    expect([channel.closed, channel.ended, channel.used]).toEqual([true, true, 0]);
    expect(String(channel)).toContain('closed');
  });

  test('closing in the midst of a reservation, of a message in place and of a long message', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 4096 });
    const other = Channel.attach(channel.toJSON());
    const room = other.reserve(10);
    room.bytes.fill(1);
    other.close();
    room.commit();
    channel.send(Uint8Array.of(2));
    const third = Channel.attach(channel.toJSON());
    const message = third.read();
    third.close();
    message?.[Symbol.dispose]();
    expect(channel.receive()).toEqual(Uint8Array.of(2));
    const fourth = Channel.attach(channel.toJSON());
    const sending = fourth.sendAsync(new Uint8Array(10_000)).catch((error: unknown) => error);
    await new Promise(setImmediate);
    fourth.close();
    expect(await sending).toBeInstanceOf(SegmentClosedError);
    channel.send(Uint8Array.of(3));
    expect(channel.receive()).toEqual(Uint8Array.of(3));
  });

  test('options out of range are refused before anything is made', () => {
    for (const capacity of [0, -1, 1.5, NaN, 2 ** 31 + 1, 2 ** 53]) {
      expect(() => Channel.create({ capacity })).toThrow(code('ERR_OUT_OF_RANGE'));
    }
    for (const producers of [0, 1024, 1.5]) expect(() => Channel.create({ producers })).toThrow(RangeError);
    for (const maxMessage of [0, -1, 0.5]) expect(() => Channel.create({ maxMessage })).toThrow(RangeError);
    expect(() => Channel.create({ codec: {} as never })).toThrow(TypeError);
    expect(() => Channel.create({ codec: { id: 300 } as never })).toThrow(TypeError);
    for (const id of [0, 1, 4, 255, 32_768, 65_535, 65_536, 256.5, '300']) {
      const codec = { id, encode: text.encode, decode: text.decode } as unknown as Codec<string>;
      const refused = typeof id === 'number' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE';
      expect(() => Channel.create({ codec })).toThrow(code(refused));
      expect(() => SharedValue.create('', { codec })).toThrow(code(refused));
    }
    for (const id of [256, 32_767]) {
      using own = Channel.create({ codec: { id, encode: text.encode, decode: text.decode } as Codec<string> });
      own.send('of a codec of its own');
      expect(own.receive()).toBe('of a codec of its own');
    }
    using smallest = Channel.create({ capacity: 1 });
    expect(smallest.capacity).toBe(4096);
    using rounded = Channel.create({ capacity: 5000 });
    expect(rounded.capacity).toBe(8192);
  });

  test('maxMessage', async () => {
    using channel = Channel.create({ codec: bytes, maxMessage: 100, capacity: 4096 });
    channel.send(new Uint8Array(100));
    expect(() => channel.send(new Uint8Array(101))).toThrow(MessageSizeError);
    expect(() => channel.send(new Uint8Array(100_000))).toThrow(MessageSizeError);
    expect(() => channel.reserve(101)).toThrow(MessageSizeError);
    await expect(channel.sendAsync(new Uint8Array(101))).rejects.toThrow(MessageSizeError);
    expect(channel.receive()).toHaveLength(100);
    expect(channel.tryReceive()).toBeUndefined();
  });

  test('memory that is too short for a message leaves the message', () => {
    using channel = Channel.create({ codec: bytes });
    channel.send(new Uint8Array(10).fill(1));
    expect(() => channel.receiveInto(new Uint8Array(9))).toThrow(MessageSizeError);
    expect(channel.receiveInto(new Uint8Array(10))).toBe(10);
  });

  test('attaching: the codec, the name, and what is no channel', () => {
    const point = struct({ x: 'f64' });
    using channel = Channel.create({ codec: point, name: freshName() });
    expect(() => Channel.attach(channel.name)).toThrow(LayoutError);
    expect(() => Channel.attach(channel.name, { codec: text })).toThrow(LayoutError);
    expect(() => Channel.attach(channel.name, { codec: struct({ y: 'f64' }) })).toThrow(LayoutError);
    using same = Channel.attach(channel.toJSON(), { codec: point });
    same.send({ x: 1.5 });
    expect(channel.receive()).toEqual({ x: 1.5 });
    using built = Channel.create({ codec: json<number>() });
    using attached = Channel.attach(built.toJSON());
    attached.send(3);
    expect(built.receive()).toBe(3);
    using raw = SharedMemory.create(100_000);
    expect(() => Channel.attach(raw.name)).toThrow(LayoutError);
    expect(() => Channel.attach('there_is_none')).toThrow(SegmentNotFoundError);
    expect(() => new (Channel as unknown as new () => unknown)()).toThrow(code('ERR_INVALID_ARG_VALUE'));
    const name = freshName();
    using created = Channel.createOrAttach(name, { codec: text });
    using joined = Channel.createOrAttach(name, { codec: text });
    using unspecified = Channel.createOrAttach<string>(name);
    expect(unspecified.capacity).toBe(created.capacity);
    created.send('once');
    expect(joined.receive()).toBe('once');
  });
});

describe.skipIf(!platform.hasBell)('the bell', () => {
  test('is rung for one that waits asynchronously, so that it does not have to look', async () => {
    using channel = Channel.create({ codec: text });
    using other = Channel.attach(channel.toJSON(), { codec: text });
    const watcher = watch(pathOf(channel.name));
    try {
      const rings: string[] = [];
      watcher.on('change', (event) => rings.push(event));
      const before = statSync(pathOf(channel.name)).mtimeMs;
      while (rings.length === 0) {
        const received = channel.receiveAsync();
        // It looks for a moment before it waits for the bell.
        await pause(1);
        other.send('a message');
        await received;
      }
      // The mark of an owned segment.
      expect(statSync(pathOf(channel.name)).mtimeMs).toBe(before);
    } finally {
      watcher.close();
    }
  });

  // Node counts the turns of its loop.
  test.skipIf(loopTurns() === undefined)('is waited for at once where looking before it has not paid', async () => {
    using channel = Channel.create({ codec: text });
    const turnsOfWait = async (waiting: Channel<string>): Promise<number> => {
      const received = waiting.receiveAsync();
      const before = loopTurns() ?? 0;
      await pause(3);
      const turns = (loopTurns() ?? 0) - before;
      waiting.send('late');
      await received;
      return turns;
    };
    using hot = Channel.create({ codec: text });
    const [short, long]: [number[], number[]] = [[], []];
    for (let i = 0; i < 25; i++) {
      for (let soon = 0; soon < 6; soon++) {
        const received = hot.receiveAsync();
        hot.send('soon');
        await received;
      }
      const turns = [await turnsOfWait(hot), await turnsOfWait(channel)] as const;
      // At first, both look.
      if (i < 10) continue;
      short.push(turns[0]);
      long.push(turns[1]);
    }
    const median = (counts: number[]) => counts.toSorted((a, b) => a - b)[7] as number;
    expect(median(short)).toBeGreaterThan(1.5 * median(long));
  });

  test.skipIf(loopTurns() === undefined)('lets one that waits sleep for milliseconds once it has rung', async () => {
    using channel = Channel.create({ codec: text });
    using other = Channel.attach(channel.toJSON(), { codec: text });
    const turns: number[] = [];
    for (let i = 0; i < 6; i++) {
      const received = channel.receiveAsync();
      const before = loopTurns() ?? 0;
      await pause(60);
      turns.push((loopTurns() ?? 0) - before);
      other.send('a message');
      await received;
    }
    // A look every millisecond at first, as one without the bell has, makes about 30 turns.
    expect(Math.min(...turns.slice(3))).toBeLessThan(20);
  });

  test('ends every wait, also those that begin after the end or a death was told', async () => {
    using channel = Channel.create({ codec: text, producers: 2 });
    using first = Channel.attach(channel.toJSON(), { codec: text });
    using second = Channel.attach(channel.toJSON(), { codec: text });
    // Until looking before the bell has not paid for a while, so that a wait begins with the bell.
    for (let i = 0; i < 12; i++) {
      const received = channel.receiveAsync();
      await pause(2);
      first.send('a message');
      expect(await received).toBe('a message');
    }
    const waiting = channel.receiveAsync();
    await pause(2);
    first.end();
    second.send('the last one');
    expect(await waiting).toBe('the last one');
    const last = channel.receiveAsync();
    await pause(2);
    second.end();
    expect(await last).toBeUndefined();
    for (let i = 0; i < 3; i++) expect(await channel.receiveAsync()).toBeUndefined();
  });
});

/** How often the event loop of this thread has turned; `undefined` where that is not counted. */
function loopTurns(): number | undefined {
  const { nodeTiming } = performance as unknown as { nodeTiming?: { uvMetricsInfo?: { loopCount: number } } };
  return nodeTiming?.uvMetricsInfo?.loopCount;
}

describe('between processes', () => {
  test.each(['receive', 'for await', 'batches', 'stream', 'read', 'receiveMany'])(
    'two producers and this consumer process: %s',
    async (how) => {
      using channel = Channel.create<[number, number, string]>({ producers: 2, capacity: 8192 });
      await using stack = new AsyncDisposableStack();
      const [consumer, ...producers] = Array.from({ length: 3 }, () => stack.use(forkFixture('channel/peer.ts')));
      await Promise.all([consumer, ...producers].map((child) => child?.ask('attach', channel.toJSON())));
      const all = consumer?.ask<[number, number, string][]>('receiveAll', how);
      await Promise.all(
        producers.map(async (child, seed) => {
          await child.ask('sendMany', seed, 2000, 1500);
          await child.ask('end');
        }),
      );
      const got = (await all) ?? [];
      expect(got).toHaveLength(4000);
      for (const seed of [0, 1]) {
        const own = got.filter(([from]) => from === seed);
        expect(own.map(([, i]) => i)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
        expect(own.every(([, i, x]) => x.length === (i * 37) % 1501)).toBe(true);
      }
    },
  );

  test('each message goes to one of the consumers', async () => {
    using channel = Channel.create<number[]>({ producers: 1, capacity: 4096 });
    await using stack = new AsyncDisposableStack();
    const consumers = Array.from({ length: 3 }, () => stack.use(forkFixture('channel/peer.ts')));
    await Promise.all(consumers.map((child) => child.ask('attach', channel.toJSON())));
    const all = consumers.map((child, i) => child.ask<number[][]>('receiveAll', i === 1 ? 'receive' : 'for await'));
    for (let i = 0; i < 3000; i++) await channel.sendAsync([i]);
    channel.end();
    const got = (await Promise.all(all)).flat(2).toSorted((a, b) => a - b);
    expect(got).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

  test('a long message arrives whole, blocking and not', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 65_536 });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON(), 'bytes');
    for (const length of [8193, 1_000_003]) {
      const expected = Uint8Array.from({ length }, (_, i) => i * 31);
      const sent = child.ask('sendBytes', length);
      expect(Buffer.compare(channel.receive() as Uint8Array, expected)).toBe(0);
      await sent;
      const again = child.ask('sendBytes', length);
      expect(Buffer.compare((await channel.receiveAsync()) as Uint8Array, expected)).toBe(0);
      await again;
    }
  });

  test('a waiting process is woken, and one that has waited is not overtaken for long', async () => {
    using channel = Channel.create<number>();
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON());
    const waiting = child.ask('receive');
    await expect.poll(() => channel.peers().consumers).toBe(1);
    // This process polls, and would get every message if the one that sleeps did not come first. That one asks for it once it
    // has waited for a millisecond, as soon as the system lets it run.
    let stolen = 0;
    for (;;) {
      await pause(20);
      channel.send(1);
      if (channel.tryReceive() === undefined) break;
      stolen += 1;
      expect(stolen).toBeLessThan(50);
    }
    expect(await waiting).toBe(1);
  });

  test('peers counts who is attached and alive', async () => {
    using channel = Channel.create<number>();
    expect(channel.peers()).toEqual({ producers: 0, consumers: 0 });
    await using child = forkFixture('channel/peer.ts');
    await child.ask('attach', channel.toJSON());
    expect(channel.peers()).toEqual({ producers: 0, consumers: 0 });
    await child.ask('send', 1);
    channel.receive();
    expect(channel.peers()).toEqual({ producers: 1, consumers: 1 });
    await child.ask('close');
    expect(channel.peers()).toEqual({ producers: 0, consumers: 1 });
  });
});
