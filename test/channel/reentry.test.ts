/** Values and codecs that use the channel, or break the rules for codecs, while a message is encoded or decoded. */
import { Channel, SharedMemory, SharedValue, json, struct } from 'shareable';
import type { Codec } from 'shareable';
import { describe, expect, test } from 'vitest';

type Reserve = Parameters<Codec<string>['encode']>[1];

const code = (name: string) => expect.objectContaining({ code: name });
const BUSY = code('ERR_SHM_CHANNEL_BUSY');

/** A codec for text of four letters, with other steps before, between and after its own. */
function letters(steps: {
  encode?: (value: string, reserve: Reserve) => number;
  decode?: (value: string) => void;
}): Codec<string> {
  return {
    id: 300,
    encode: steps.encode ?? write,
    decode(encoded) {
      const value = Buffer.from(encoded).toString('latin1');
      steps.decode?.(value);
      return value;
    },
  };
}

function write(value: string, reserve: Reserve): number {
  const room = reserve(4);
  room.bytes.set(Buffer.from(value), room.start);
  return 4;
}

/** Whether another producer can send, and what it sends arrives after `before`. */
function expectUsable(channel: Channel<string>, before: string[]): void {
  using other = Channel.attach(channel, { codec: letters({}) });
  expect(other.trySend('next')).toBe(true);
  expect(other.receiveMany(9)).toEqual([...before, 'next']);
}

const SENDS = {
  send: (channel: Channel<string>) => channel.send('mine', { timeout: 1000 }),
  trySend: (channel: Channel<string>) => channel.trySend('mine'),
  trySendMany: (channel: Channel<string>) => channel.trySendMany(['mine']),
  sendAsync: (channel: Channel<string>) => channel.sendAsync('mine', { timeout: 1000 }),
};

describe.each(Object.entries(SENDS))('%s with a codec that', (_, send) => {
  test.each<[string, string, (reserve: Reserve) => unknown]>([
    ['reserves twice', 'ERR_INVALID_ARG_VALUE', (reserve) => [reserve(4), reserve(4)].length],
    ['reserves twice, first more than fits one piece', 'ERR_INVALID_ARG_VALUE', (r) => [r(1000), r(4)].length],
    ['reserves twice, then more than fits one piece', 'ERR_INVALID_ARG_VALUE', (r) => [r(4), r(1000)].length],
    ['reserves a negative number', 'ERR_OUT_OF_RANGE', (reserve) => reserve(-1).length],
    ['reserves no number', 'ERR_INVALID_ARG_TYPE', (reserve) => reserve('4' as unknown as number).length],
    ['does not reserve', 'ERR_INVALID_ARG_VALUE', () => 0],
    ['has used a negative number', 'ERR_OUT_OF_RANGE', (reserve) => -reserve(4).length],
    ['has used more than it has reserved', 'ERR_OUT_OF_RANGE', (reserve) => reserve(4).length + 5],
    ['has used no number', 'ERR_INVALID_ARG_TYPE', (reserve) => void reserve(4)],
    ['has used an object', 'ERR_INVALID_ARG_TYPE', (r) => ({ of: r(4), valueOf: () => 4 })],
  ])('%s is refused, and the channel stays usable', async (_case, expected, encode) => {
    const codec = letters({ encode: (_value, reserve) => encode(reserve) as number });
    using channel = Channel.create({ capacity: 4096, codec });
    await expect(async () => await send(channel)).rejects.toThrow(code(expected));
    expectUsable(channel, []);
  });

  test('reserves once more when it has returned is refused', async () => {
    let late: Reserve | undefined;
    const encode = (value: string, reserve: Reserve) => write(value, (late = reserve));
    using channel = Channel.create({ capacity: 4096, codec: letters({ encode }) });
    await send(channel);
    expect(() => late?.(4)).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expectUsable(channel, ['mine']);
  });

  test('sends on the same channel and catches the error keeps the lock until its own message is sent', async () => {
    const errors: unknown[] = [];
    const encode = (value: string, reserve: Reserve): number => {
      const used = write(value, reserve);
      using other = Channel.attach(channel.name, { codec: letters({}) });
      for (const again of [() => channel.trySend('no'), () => channel.trySendMany(['no']), () => channel.reserve(4)]) {
        try {
          again();
        } catch (error) {
          errors.push(error);
        }
        expect(other.trySend('else')).toBe(false);
      }
      return used;
    };
    using channel = Channel.create({ capacity: 4096, codec: letters({ encode }) });
    await send(channel);
    expect(errors).toEqual([BUSY, BUSY, BUSY]);
    expectUsable(channel, ['mine']);
  });

  test('receives on the same channel still writes to its own room', async () => {
    const encode = (value: string, reserve: Reserve): number => {
      const room = reserve(4);
      expect(channel.tryReceive()).toBe('old1');
      room.bytes.set(Buffer.from(value), room.start);
      return 4;
    };
    using channel = Channel.create({ capacity: 4096, codec: letters({ encode }) });
    using other = Channel.attach(channel, { codec: letters({}) });
    other.trySendMany(['old1', 'old2']);
    await send(channel);
    expectUsable(channel, ['old2', 'mine']);
  });
});

test('a value that sends while it is encoded does not make trySend wait', () => {
  using channel = Channel.create<unknown & {}>({ capacity: 4096, codec: json() });
  const value = { toJSON: () => (channel.send(2), 'x'.repeat(8)) };
  while (channel.trySend('x'.repeat(8)));
  channel.receiveMany(2);
  const [message, number] = [24, 16];
  // There is room for what the value sends, and then not for the value.
  while (channel.capacity - channel.used >= message + number) channel.trySend(1);
  expect(channel.trySend(value)).toBe(false);
  expect(channel.receiveMany(1000).at(-1)).toBe(2);
});

test('a struct reads each field once, and writes nothing outside of its fields', () => {
  const codec = struct({ name: 'text8', number: 'u8' });
  using channel = Channel.create({ capacity: 4096, codec });
  let reads = 0;
  channel.send({
    number: 7,
    get name() {
      reads += 1;
      return reads === 1 ? 'short' : 'much longer'.repeat(30);
    },
  });
  expect([channel.receive(), reads]).toEqual([{ name: 'short', number: 7 }, 1]);
});

describe('a codec that, while it decodes,', () => {
  test('receives on the same channel gets an error and does not wait for itself', () => {
    const errors: unknown[] = [];
    const decode = () => {
      for (const again of [() => channel.receive(), () => channel.tryReceive(), () => channel.receiveMany(2)]) {
        try {
          again();
        } catch (error) {
          errors.push(error);
        }
      }
    };
    using channel = Channel.create({ capacity: 4096, codec: letters({ decode }) });
    channel.trySendMany(['1111', '2222']);
    expect(channel.receive()).toBe('1111');
    expect(errors).toEqual([BUSY, BUSY, BUSY]);
    expect(channel.receiveMany(2)).toEqual(['2222']);
  });

  test('aborts its own wait ends that wait, and no other', async () => {
    const controller = new AbortController();
    using channel = Channel.create({ capacity: 4096, codec: letters({ decode: () => controller.abort() }) });
    const waits = [channel.receiveAsync({ signal: controller.signal }), channel.receiveAsync(), channel.receiveAsync()];
    // The queue serves them in a later turn.
    channel.trySendMany(['1111', '2222', '3333']);
    const [first, ...others] = await Promise.all(waits.map((wait) => wait.catch((e: { code: string }) => e.code)));
    // A call that lets the event loop turn first finds its message there, and has nothing to abort.
    expect(['ABORT_ERR', '1111']).toContain(first);
    expect(others).toEqual(['2222', '3333']);
  });
});

describe('a shared value', () => {
  test('that sets itself while it is encoded is refused, and the old value stays', () => {
    using shared = SharedValue.create<unknown>('first', { codec: json() });
    const value = { toJSON: () => shared.set('x'.repeat(100)) };
    expect(() => shared.set(value)).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect([shared.get(), shared.version]).toEqual(['first', 1]);
    shared.set('second');
    expect(shared.get()).toBe('second');
  });

  test.each<[string, string, (reserve: Reserve) => unknown]>([
    ['reserves twice', 'ERR_INVALID_ARG_VALUE', (reserve) => [reserve(4), reserve(4)].length],
    ['does not reserve', 'ERR_INVALID_ARG_VALUE', () => 0],
    ['has used a negative number', 'ERR_OUT_OF_RANGE', (reserve) => -reserve(4).length],
    ['has used more than it has reserved', 'ERR_OUT_OF_RANGE', (reserve) => reserve(4).length + 1],
    ['has used no number', 'ERR_INVALID_ARG_TYPE', (reserve) => void reserve(4)],
  ])('with a codec that %s keeps its value', (_, expected, encode) => {
    let isBroken = false;
    const codec = letters({
      encode: (value, reserve) => (isBroken ? (encode(reserve) as number) : write(value, reserve)),
    });
    using shared = SharedValue.create('good', { codec });
    isBroken = true;
    expect(() => shared.set('evil')).toThrow(code(expected));
    expect(() => shared.update(() => 'evil')).toThrow(code(expected));
    isBroken = false;
    expect(shared.get()).toBe('good');
    shared.set('more');
    expect(shared.get()).toBe('more');
  });
});

describe('a ring that an untrusted process damages', () => {
  /** The word that says where the next message is read. */
  function headOf(channel: Channel<string>): Int32Array {
    using shm = SharedMemory.attach(channel.name);
    const words = (): Int32Array => Int32Array.from(shm.array(Int32Array));
    channel.send('1111');
    const before = words();
    channel.receive();
    const after = words();
    const changed = after.findIndex((word, i) => word !== before[i] && word === 2);
    expect(changed).toBeGreaterThan(0);
    return SharedMemory.attach(channel.name).array(Int32Array, changed * Int32Array.BYTES_PER_ELEMENT, 1);
  }

  test.each(Object.entries({ ...SENDS, reserve: (channel: Channel<string>) => channel.reserve(4, { timeout: 100 }) }))(
    'makes %s throw a LayoutError, which releases the lock',
    async (_, send) => {
      using channel = Channel.create({ capacity: 4096, codec: letters({}) });
      const head = headOf(channel);
      // The word may be in use from the last look, which this one makes old.
      using other = Channel.attach(channel, { codec: letters({}) });
      other.send('2222');
      const good = head[0] as number;
      head[0] = 0x4000_0000;
      await expect(async () => await send(channel)).rejects.toThrow(code('ERR_SHM_LAYOUT'));
      head[0] = good;
      expectUsable(channel, ['2222']);
      expect(channel.trySend('mine')).toBe(true);
    },
  );
});
