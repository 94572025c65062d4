import { SegmentNotFoundError, SharedArray, SharedMemory, SharedMemoryManager } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { shareable, shareableJson } from '../support/cli.ts';

describe('shareable ls and inspect, of an array', () => {
  test('show its type, shape and elements', async () => {
    using array = SharedArray.from([1, -0, Number.NaN, 0.5, 5, 6], [2, 3]);
    expect(await shareableJson(['inspect', array.name])).toMatchObject({
      segment: { kind: 'array', length: 6, size: 176 },
      array: { dtype: 'float64', shape: [2, 3], order: 'C', dataStart: 128, elements: [1, '-0', 'NaN', 0.5, 5, 6] },
      items: null,
      bytes: null,
      layoutError: null,
    });
    using bigs = SharedArray.create([3], 'int64');
    bigs.fill(2n ** 60n);
    expect(await shareableJson(['inspect', bigs.name, '--limit', '1'])).toMatchObject({
      array: { elements: ['1152921504606846976'] },
    });
  });

  test.skipIf(!platform.listsSegments)('print them for people, with an index per dimension', async () => {
    using array = SharedArray.from([10, 20, 30, 40], [2, 2], { dtype: 'uint8', order: 'F' });
    const { code, stdout } = await shareable(['inspect', array.name, '--limit', '3']);
    expect(code).toBe(0);
    expect(stdout).toContain('kind      array of 4 elements');
    expect(stdout).toContain('uint8, shape (2, 2) in Fortran order, from byte 128');
    expect(stdout).toMatch(/ 1, 0 {2}20\n +0, 1 {2}30\n… 1 more element/);
    const listed = await shareable(['ls']);
    expect(listed.stdout).toMatch(new RegExp(`${array.name} +array `));
  });

  test('show the bytes of an array with --hex, and of one whose header lies with the reason', async () => {
    using array = SharedArray.create([4], 'uint8');
    const { stdout } = await shareable(['inspect', array.name, '--hex', '--length', '16']);
    expect(stdout).toContain('|.NUMPY..');
    using broken = SharedMemory.create(130);
    broken.buf.set(array.shm.buf.subarray(0, 130));
    const answer = await shareableJson<{ segment: object; layoutError: object }>(['inspect', broken.name]);
    expect(answer.segment).toMatchObject({ kind: 'raw' });
    expect(answer.layoutError).toMatchObject({ code: 'ERR_SHM_LAYOUT' });
  });
});

test('a manager makes arrays and unlinks them', () => {
  const manager = new SharedMemoryManager();
  const array = manager.array([2, 2], 'float32', { order: 'F' });
  expect([array.order, array.shm.isOwner, manager.list()]).toEqual(['F', false, [array.name]]);
  array.close();
  manager[Symbol.dispose]();
  expect(() => SharedArray.attach(array.name)).toFailWith(SegmentNotFoundError, 'ENOENT');
});
