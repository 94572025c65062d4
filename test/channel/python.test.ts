import { chownSync } from 'node:fs';

import type { Codec } from 'shareable';
import { Channel, ProducerDiedError, SharedMemory, bytes, json, struct, text } from 'shareable';
import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { platform } from '../support/platform.ts';
import { findPythons, runPython } from '../support/python.ts';
import { pathOf } from '../support/segments.ts';

const pythons = platform.seatsByFileLocks ? findPythons().filter(({ minor }) => minor >= 9) : [];
const newest = pythons.at(-1);

const point = struct({ a: 'u8', b: 'i32', c: 'u32', d: 'f64', e: 'i64', f: 'bool', g: 'text24', h: 'bytes5' });
const record = { a: 255, b: -5, c: 2 ** 32 - 1, d: 1.5, e: -(2n ** 63n), f: true, g: 'grüße', h: Uint8Array.of(1, 2) };

const values: [name: string, codec: Codec<never>, values: unknown[]][] = [
  ['bytes', bytes as Codec<never>, [0, 1, 9, 511, 513, 20_000].map((length) => new Uint8Array(length).fill(length))],
  ['text', text as Codec<never>, ['', 'a', 'grüße', '語\ud800', 'x'.repeat(5000), '😀'.repeat(3000)]],
  ['json', json(), [null, true, 1.5, 'é', [1, [2]], { a: { b: '語' } }, 'y'.repeat(30_000)]],
  ['struct', point as Codec<never>, [record, { ...record, g: '', h: new Uint8Array(0), f: false }]],
];

/** The next message, or the news of a death. */
async function receive(channel: Channel<number>): Promise<number | ProducerDiedError> {
  try {
    return (await channel.receiveAsync()) as number;
  } catch (error) {
    if (error instanceof ProducerDiedError) return error;
    throw error;
  }
}

describe.each(pythons)('Python $version', (python) => {
  test.each(values)('sends back what it receives: %s', async (name, codec, sent) => {
    using there = Channel.create<{} | null>({ codec, producers: 1, capacity: 4096 });
    using back = Channel.create<{} | null>({ codec, producers: 1, capacity: 4096 });
    await using child = runPython(python, 'channel/peer.py');
    await child.ask('attach', there.name, back.name, name);
    const count = child.ask('echo');
    const sending = (async () => {
      for (const value of sent) await there.sendAsync(value as {});
      there.end();
    })();
    const got: unknown[] = [];
    for await (const value of back) got.push(value);
    await sending;
    expect(got).toStrictEqual(sent);
    expect(await count).toBe(sent.length);
  });
});

describe.runIf(newest !== undefined)('with the newest Python', () => {
  const python = newest as NonNullable<typeof newest>;

  test('a Python process that is killed again and again costs no message that it has not taken', async () => {
    using there = Channel.create<number>({ codec: json(), capacity: 4096 });
    using back = Channel.create<number>({ codec: json(), capacity: 4096 });
    let next = 0;
    const seen = { last: -1, deaths: 0 };
    const take = (got: number | ProducerDiedError) => {
      // What the dead took is lost; nothing comes twice, out of order, or torn.
      const isRight = typeof got === 'number' ? got > seen.last : got.producers > 0;
      expect(isRight).toBe(true);
      if (typeof got === 'number') seen.last = got;
      else seen.deaths += got.producers;
    };
    for (let round = 0; round < 8; round++) {
      await using child = runPython(python, 'channel/peer.py');
      await child.ask('attach', there.name, back.name, 'json');
      child.ask('echo').catch(() => {});
      const until = seen.last + 20 + 13 * round;
      while (seen.last < until) {
        while (there.trySend(next)) next += 1;
        take(await receive(back));
      }
      await child.kill();
    }
    while (back.used > 0 || seen.deaths === 0) take(await receive(back));
    expect(seen.deaths).toBeLessThanOrEqual(8);
  });

  test('a Node process that is killed with a message in place leaves it to Python', async () => {
    using there = Channel.create<{}>({ codec: json(), producers: 1 });
    using back = Channel.create<{}>({ codec: json(), producers: 1 });
    await using reader = forkFixture('channel/peer.ts');
    await reader.ask('attach', there.toJSON(), 'json');
    for (let i = 0; i < 10; i++) there.send({ i });
    there.end();
    expect(await reader.ask('read')).toEqual({ value: { i: 0 }, redelivered: false });
    await using child = runPython(python, 'channel/peer.py');
    await child.ask('attach', there.name, back.name, 'json');
    const count = child.ask('echo');
    await reader.kill();
    const got: unknown[] = [];
    for await (const value of back) got.push(value);
    expect(got).toEqual(Array.from({ length: 10 }, (_, i) => ({ i })));
    expect(await count).toBe(10);
  });

  test('a producer that is killed in the middle of a long message leaves Python nothing to wait for', async () => {
    using there = Channel.create<Uint8Array>({ codec: bytes, capacity: 4096 });
    await using child = runPython(python, 'channel/peer.py');
    await child.ask('attach', there.name, there.name, 'bytes');
    {
      await using sender = forkFixture('channel/peer.ts');
      await sender.ask('attach', there.toJSON(), 'bytes');
      sender.ask('sendBytes', 1 << 20).catch(() => {});
      while (there.used < 2048) await new Promise((resolve) => setImmediate(resolve));
      await sender.kill();
    }
    await expect(child.ask('get', 10)).rejects.toMatchObject({ name: 'ProducerDied' });
  });

  test('a channel of Python refuses what follows a close, and what a forked process does with it', async () => {
    using there = Channel.create<Uint8Array>({ codec: bytes });
    for (const length of [1, 2, 3]) there.send(new Uint8Array(length));
    await using child = runPython(python, 'channel/peer.py');
    await child.ask('attach', there.name, there.name, 'bytes');
    const forked = expect.stringContaining('before a fork');
    expect(await child.ask('after_fork')).toEqual([forked, forked, forked, 1]);
    expect(await child.ask('get', 10)).toBe(2);
    const closed = expect.stringContaining('is closed');
    expect(await child.ask('after_close')).toEqual([closed, closed, closed]);
    expect(there.used).toBeGreaterThan(0);
  });

  test('a channel of Python is empty once what waited was discarded', async () => {
    using there = Channel.create<Uint8Array>({ codec: bytes });
    there.send(new Uint8Array(1));
    await using child = runPython(python, 'channel/peer.py');
    await child.ask('attach', there.name, there.name, 'bytes');
    expect(await child.ask('empty')).toBe(false);
    there.shutdown({ immediate: true });
    expect(await child.ask('empty')).toBe(true);
  });

  test.runIf(process.geteuid?.() === 0)('a channel of Python refuses a segment of another user', async () => {
    using there = Channel.create<Uint8Array>({ codec: bytes });
    await using child = runPython(python, 'channel/peer.py');
    chownSync(pathOf(there.name), 65534, 65534);
    expect(await child.ask('refused', there.name)).toBe('PermissionError');
    chownSync(pathOf(there.name), 0, 0);
    expect(await child.ask('refused', there.name)).toBe(null);
  });

  test('a channel of Python refuses what is not a channel, and JSON that nests too deeply', async () => {
    using there = Channel.create<string>({ codec: text, capacity: 1 << 20 });
    await using child = runPython(python, 'channel/peer.py');
    using raw = SharedMemory.create(64);
    expect(await child.ask('refused', raw.name)).toBe('LayoutError');
    expect(await child.ask('refused', `../shm/${there.name}`)).toBe('ValueError');
    using nested = Channel.create<string>({ codec: { ...text, id: 3 }, capacity: 1 << 21 });
    nested.send('['.repeat(200_000));
    await child.ask('attach', nested.name, nested.name, 'json');
    expect(await child.ask('hostile_json')).toBe('RecursionError');
  });
});
