import { rmSync, writeFileSync } from 'node:fs';

import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, inject, test } from 'vitest';

import { platform } from '../support/platform.ts';
import type { SegmentShape } from '../support/cli.ts';
import { shareable, shareableJson } from '../support/cli.ts';
import { runPython } from '../support/python.ts';
import { bytesOf, freshName, pathOf } from '../support/segments.ts';

const pythons = inject('pythons');

interface Inspected {
  version: number;
  segment: SegmentShape;
  items: { index: number; format: string; type?: string; value?: unknown; error?: { code: string } }[] | null;
  bytes: { offset: number; length: number; hex: string } | null;
  layoutError: { name: string; code: string; message: string } | null;
}

const inspected = (...args: string[]) => shareableJson<Inspected>(['inspect', ...args]);

describe.skipIf(!platform.hasSweep)('shareable inspect, of a list', () => {
  test('gives each slot with its format, and every value without loss', async () => {
    using list = ShareableList.create([
      1,
      -0,
      NaN,
      -Infinity,
      0.5,
      2n ** 60n,
      'é\0',
      new Uint8Array([1, 255]),
      true,
      null,
    ]);
    const { version, segment, items, bytes, layoutError } = await inspected(list.name);
    expect({ version, bytes, layoutError }).toEqual({ version: 1, bytes: null, layoutError: null });
    expect(segment).toMatchObject({ name: list.name, kind: 'list', length: 10, size: list.shm.size, isTracked: true });
    expect(items).toEqual([
      { index: 0, format: 'q', type: 'number', value: 1 },
      { index: 1, format: 'd', type: 'number', value: '-0' },
      { index: 2, format: 'd', type: 'number', value: 'NaN' },
      { index: 3, format: 'd', type: 'number', value: '-Infinity' },
      { index: 4, format: 'd', type: 'number', value: 0.5 },
      { index: 5, format: 'q', type: 'bigint', value: '1152921504606846976' },
      { index: 6, format: '3s5x', type: 'string', value: 'é\0' },
      { index: 7, format: '8s', type: 'bytes', value: '01ff' },
      { index: 8, format: 'xxxxxxx?', type: 'boolean', value: true },
      { index: 9, format: 'xxxxxx?x', type: 'null', value: null },
    ]);
    expect(items?.map(({ format }) => format).join('')).toBe(list.format);
  });

  test('prints it for people', async () => {
    using list = ShareableList.create([41, 'two', 3n ** 39n]);
    const { code, stdout, stderr } = await shareable(['inspect', list.name]);
    expect(stdout).toContain(`kind      list of 3 slots\n`);
    expect(stdout).toContain(`owner     ${platform.recordsOwners ? `${process.pid} (alive)` : 'unknown'}\n`);
    expect(stdout).toContain(
      "INDEX  FORMAT    VALUE\n    0  q         41\n    1  8s        'two'\n    2  q         4052555153018976267n\n",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('shows a hundred slots, or as many as --limit says, or --all', async () => {
    using list = ShareableList.create(Array.from({ length: 250 }, (_, index) => index));
    const { stdout } = await shareable(['inspect', list.name]);
    expect(stdout).toContain('\n   99  q         99\n… 150 more slots');
    expect((await inspected(list.name)).items).toHaveLength(100);
    expect((await inspected(list.name, '--limit', '0x10')).items).toHaveLength(16);
    expect((await inspected(list.name, '--limit=0')).items).toEqual([]);
    expect((await inspected(list.name, '--all')).items).toHaveLength(250);
  });

  test('shortens long values for people only, and not with --all', async () => {
    const long = 'x'.repeat(1000);
    using list = ShareableList.create([long, new Uint8Array(1000)]);
    const { stdout } = await shareable(['inspect', list.name]);
    expect(stdout).toContain('more characters');
    expect(stdout).toContain('968 more>');
    expect((await shareable(['inspect', list.name, '--all'])).stdout).toContain(`'${long}'`);
    expect((await inspected(list.name)).items?.[0]?.value).toBe(long);
  });

  test('escapes what a terminal would act on', async () => {
    const evil = '\u001B]0;title\u0007\u202E';
    using list = ShareableList.create([evil]);
    const { stdout } = await shareable(['inspect', list.name]);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const json = await shareable(['inspect', list.name, '--json']);
    expect(json.stdout.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect((await inspected(list.name)).items?.[0]?.value).toBe(evil);
  });

  test.runIf(platform.listsAllOfCPython && pythons.length > 0)("reads CPython's", async () => {
    const python = pythons.findLast(({ minor }) => minor >= 9) ?? pythons[0];
    if (python === undefined) return;
    const name = freshName();
    await using child = runPython(python, 'cli/python-list.py');
    await child.ask('create', name, [1, 2.5, 'three', null, true]);
    const { segment, items } = await inspected(name);
    expect(segment).toMatchObject({ kind: 'list', length: 5, isTracked: false });
    expect(items?.map(({ value }) => value)).toEqual([1, 2.5, 'three', null, true]);
  });
});

describe.skipIf(!platform.hasSweep)('shareable inspect, of bytes that are not a sound list', () => {
  test('shows a broken list as bytes, and says what is wrong', async () => {
    using list = ShareableList.create([1, 2, 3]);
    list.shm.array(BigInt64Array, 0, 1)[0] = 2n ** 40n;
    const { segment, items, layoutError, bytes } = await inspected(list.name);
    expect(segment).toMatchObject({ kind: 'raw', length: null });
    expect({ items, layoutError }).toEqual({
      items: null,
      layoutError: { name: 'LayoutError', code: 'ERR_SHM_LAYOUT', message: expect.stringContaining('1099511627776') },
    });
    expect(bytes?.hex).toBe(Buffer.from(list.shm.buf).toString('hex'));
    const { stdout, code } = await shareable(['inspect', list.name]);
    expect(stdout).toContain('kind      raw (this segment does not hold a list: its length is 1099511627776');
    expect(code).toBe(0);
  });

  test('shows the sound slots of a list in which one is broken', async () => {
    using list = ShareableList.create([7, 8, 9], { name: freshName() });
    // The second slot's format, which stands behind the offsets and the data.
    list.shm.buf.set(Buffer.from('>q\u001B[31m'), 8 * (3 + 2) + 8 * 3 + 8);
    const { items } = await inspected(list.name);
    expect(items?.map(({ value }) => value)).toEqual([7, undefined, 9]);
    expect(items?.[1]).toMatchObject({ format: '>q\u001B[31m', error: { code: 'ERR_SHM_LAYOUT' } });
    const { stdout, code } = await shareable(['inspect', list.name]);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(code).toBe(0);
  });

  test('dumps bytes with their offsets and their ASCII characters', async () => {
    using shm = SharedMemory.create(300, { name: freshName() });
    shm.buf.set(Buffer.from('hello, \u001B[31mworld'), 16);
    const { stdout } = await shareable(['inspect', shm.name, '--offset', '16', '--length', '20']);
    expect(stdout).toContain('\n00000010  68 65 6c 6c 6f 2c 20 1b  5b 33 31 6d 77 6f 72 6c   |hello, .[31mworl|\n');
    expect(stdout).toMatch(/\n00000020 {2}64 00 00 00 {40}\|d\.\.\.\|\n… 264 more bytes/);
    expect((await inspected(shm.name)).bytes).toMatchObject({ offset: 0, length: 256 });
    expect((await inspected(shm.name, '--all')).bytes).toMatchObject({ offset: 0, length: 300 });
    expect((await inspected(shm.name, '--offset', '0x10', '--length', '5')).bytes?.hex).toBe('68656c6c6f');
    expect((await inspected(shm.name, '--offset', '299', '--length', '5')).bytes).toMatchObject({ length: 1 });
  });

  test('dumps the bytes of a list too, if asked to', async () => {
    using list = ShareableList.create([1], { name: freshName() });
    const { items, bytes, segment } = await inspected(list.name, '--hex');
    expect(items).toBeNull();
    expect(segment).toMatchObject({ kind: 'list', length: 1 });
    expect(bytes?.hex).toBe(bytesOf(list.name).toString('hex'));
  });

  test('refuses an offset past the end', async () => {
    using shm = SharedMemory.create(300, { name: freshName() });
    const { code, stderr } = await shareable(['inspect', shm.name, '--offset', '301']);
    expect(stderr).toBe('shareable: offset 301 is past the end: the segment has 300 bytes\n');
    expect(code).toBe(1);
  });

  test.skipIf(!platform.hasShmFolder)('shows an empty file', async () => {
    const name = freshName();
    writeFileSync(pathOf(name), '');
    try {
      expect(await inspected(name)).toMatchObject({
        segment: { kind: 'raw', size: 0 },
        layoutError: { code: 'ERR_SHM_LAYOUT' },
      });
    } finally {
      rmSync(pathOf(name));
    }
  });
});

test.skipIf(!platform.listsUnowned)('shareable inspect changes nothing and owns nothing', async () => {
  using list = ShareableList.create([1, 'two'], { name: freshName(), track: false });
  try {
    const before = bytesOf(list.name);
    for (const options of [[], ['--json'], ['--hex'], ['--all']]) await shareable(['inspect', list.name, ...options]);
    expect(bytesOf(list.name).equals(before)).toBe(true);
    list.close();
    expect((await inspected(list.name)).segment).toMatchObject({ isInUse: false, isTracked: false });
  } finally {
    list.unlink();
  }
});
