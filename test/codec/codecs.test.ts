import type { Codec } from 'shareable';
import { LayoutError, bytes, clone, json, struct, text } from 'shareable';
import { describe, expect, test } from 'vitest';

/** Encodes into memory that is full of other bytes, at an odd place; gives what was written. */
function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  let memory = new Uint8Array();
  const used = codec.encode(value, (length) => {
    memory = new Uint8Array(length + 7).fill(0xaa);
    return { bytes: memory, data: new DataView(memory.buffer), start: 3, length };
  });
  return memory.slice(3, 3 + used);
}

function roundTrip<T>(codec: Codec<T>, value: T): T {
  return codec.decode(encode(codec, value));
}

const texts = ['', 'a', 'grüße', 'λόγος', '😀', '\ud800', 'a\0', 'x'.repeat(1000), 'ü'.repeat(1000), '語'.repeat(1000)];

describe('a value comes back from', () => {
  test.each(texts)('text: %j', (value) => {
    expect(roundTrip(text, value)).toBe(value);
    expect(roundTrip(clone<string>(), value)).toBe(value);
    expect(roundTrip(json<string>(), value)).toBe(value);
  });

  test.each([0, 1, 63, 64, 65, 4096, 4097, 100_000])('bytes: %i of them', (length) => {
    const value = Uint8Array.from({ length }, (_, i) => i * 7);
    expect(roundTrip(bytes, value)).toEqual(value);
    expect(roundTrip(bytes, Buffer.from(value))).toEqual(value);
    expect(roundTrip(clone<Uint8Array>(), value)).toEqual(value);
  });

  test.each([0, -0, 1.5, NaN, Infinity, 2 ** 53, true, false, null, 10n, [1, [2]], { a: undefined }])(
    'clone: %o',
    (value) => {
      expect(roundTrip(clone<unknown>(), value)).toStrictEqual(value);
    },
  );

  test('clone: values that JSON cannot represent', () => {
    const value = { map: new Map([[1, new Set(['a'])]]), date: new Date(5), typed: new Float32Array([1, 2]) };
    expect(roundTrip(clone<typeof value>(), value)).toStrictEqual(value);
  });

  test('json: an object', () => {
    expect(roundTrip(json<unknown>(), { a: [1, null, 'ü'] })).toStrictEqual({ a: [1, null, 'ü'] });
  });

  test('struct: every type at its limits', () => {
    const codec = struct({ a: 'u8', b: 'i32', c: 'u32', d: 'f64', e: 'i64', f: 'bool', g: 'text24', h: 'bytes5' });
    const least = { a: 0, b: -(2 ** 31), c: 0, d: -Infinity, e: -(2n ** 63n), f: false, g: '', h: new Uint8Array() };
    const most = { a: 255, b: 2 ** 31 - 1, c: 2 ** 32 - 1, d: NaN, e: 2n ** 63n - 1n, f: true };
    const full = { ...most, g: '語'.repeat(8), h: Uint8Array.of(1, 2, 3, 4, 5) };
    for (const value of [least, full]) expect(roundTrip(codec, value)).toStrictEqual(value);
    expect(codec.size).toBe(1 + 4 + 4 + 8 + 8 + 1 + 26 + 7);
  });
});

describe('before any memory is reserved', () => {
  const point = struct({ n: 'u8', name: 'text4', raw: 'bytes2', big: 'i64', ok: 'bool' });
  const right = { n: 1, name: 'abcd', raw: new Uint8Array(2), big: 1n, ok: true };
  const ring: { next?: unknown } = {};
  ring.next = ring;
  const wrong: [title: string, codec: Codec<never>, value: unknown, code: string][] = [
    ['clone refuses a function', clone(), () => {}, 'ERR_INVALID_ARG_VALUE'],
    ['clone refuses undefined', clone(), undefined, 'ERR_INVALID_ARG_TYPE'],
    ['json refuses a function', json(), () => {}, 'ERR_INVALID_ARG_TYPE'],
    ['json refuses a bigint', json(), { n: 1n }, 'ERR_INVALID_ARG_VALUE'],
    ['json refuses an object within itself', json(), ring, 'ERR_INVALID_ARG_VALUE'],
    ['text refuses a number', text as Codec<never>, 1, 'ERR_INVALID_ARG_TYPE'],
    ['bytes refuses an array', bytes as Codec<never>, [1], 'ERR_INVALID_ARG_TYPE'],
    ['struct refuses null', point as Codec<never>, null, 'ERR_INVALID_ARG_TYPE'],
    ['struct refuses a missing field', point as Codec<never>, { ...right, n: undefined }, 'ERR_INVALID_ARG_TYPE'],
    ['struct refuses a fraction', point as Codec<never>, { ...right, n: 1.5 }, 'ERR_OUT_OF_RANGE'],
    ['struct refuses 256 in a u8', point as Codec<never>, { ...right, n: 256 }, 'ERR_OUT_OF_RANGE'],
    ['struct refuses text that does not fit', point as Codec<never>, { ...right, name: 'abcde' }, 'ERR_OUT_OF_RANGE'],
    ['struct counts text in UTF-8', point as Codec<never>, { ...right, name: 'üüü' }, 'ERR_OUT_OF_RANGE'],
    ['struct refuses half a pair', point as Codec<never>, { ...right, name: '\ud800' }, 'ERR_OUT_OF_RANGE'],
    [
      'struct refuses bytes that do not fit',
      point as Codec<never>,
      { ...right, raw: new Uint8Array(3) },
      'ERR_OUT_OF_RANGE',
    ],
    ['struct refuses a bigint past 64 bits', point as Codec<never>, { ...right, big: 2n ** 63n }, 'ERR_OUT_OF_RANGE'],
    ['struct refuses 1 as a boolean', point as Codec<never>, { ...right, ok: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ];
  test.each(wrong)('%s', (_, codec, value, code) => {
    const reserve = () => {
      throw new Error('reserved');
    };
    let thrown: unknown;
    try {
      codec.encode(value as never, reserve);
    } catch (error) {
      thrown = error;
    }
    expect(String((thrown as { code?: unknown }).code)).toBe(code);
  });

  test('struct refuses types that it does not know', () => {
    for (const type of ['u16', 'text', 'text0', 'text65536', 'bytes-1', 'toString', 1]) {
      expect(() => struct({ a: type as 'u8' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    }
    expect(() => struct({})).toThrow('at least one field');
  });
});

/** Whether bytes are decoded, or refused in the way that is documented. */
function decodes(codec: Codec<unknown>, garbage: Uint8Array): boolean {
  try {
    codec.decode(garbage);
    return true;
  } catch (error) {
    return error instanceof LayoutError;
  }
}

describe('bytes of an untrusted writer', () => {
  const point = struct({ name: 'text4', raw: 'bytes2' });
  const codecs: [string, Codec<unknown>][] = [
    ['text', text as Codec<unknown>],
    ['json', json()],
    ['clone', clone()],
    ['struct', point as Codec<unknown>],
  ];
  test.each(codecs)('are a value or a LayoutError: %s', (_, codec) => {
    for (let seed = 0; seed < 5000; seed++) {
      const garbage = Uint8Array.from({ length: seed % 40 }, (_byte, i) =>
        i === 0 ? seed % 11 : (seed * 31 + i * 17) ^ i,
      );
      expect(decodes(codec, garbage)).toBe(true);
    }
  });

  test('a wrong length of a struct field is cut to the field', () => {
    const hostile = Uint8Array.of(0xff, 0xff, 97, 98, 99, 100, 0xff, 0xff, 1, 2);
    expect(point.decode(hostile)).toStrictEqual({ name: 'abcd', raw: Uint8Array.of(1, 2) });
  });

  test('the number of a struct depends on names, types and order', () => {
    const ids = [struct({ a: 'u8' }), struct({ b: 'u8' }), struct({ a: 'i32' }), struct({ a: 'u8', b: 'u8' })];
    expect(new Set(ids.map(({ id }) => id)).size).toBe(4);
    expect(struct({ a: 'u8' }).id).toBe(struct({ a: 'u8' }).id);
  });
});
