import { execFileSync } from 'node:child_process';

import { pageSize, roundUpToPage } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

describe('pageSize', () => {
  test.skipIf(!platform.hasPosixCommands)('is that of the system', () => {
    expect(pageSize).toBe(Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
  });
});

describe('roundUpToPage', () => {
  test.each([
    [0, 0],
    [1, 1],
    [pageSize - 1, 1],
    [pageSize, 1],
    [pageSize + 1, 2],
    [1000 * pageSize, 1000],
    [2 ** 40 + 1, 2 ** 40 / pageSize + 1],
  ])('rounds %d bytes up to %d pages', (bytes, pages) => {
    expect(roundUpToPage(bytes)).toBe(pages * pageSize);
  });

  test('has no negative zero', () => {
    expect(roundUpToPage(-0)).toBe(0);
  });

  test('is exact up to the last page whose end is a safe integer', () => {
    const last = 2 ** 53 - pageSize;
    expect(roundUpToPage(last)).toBe(last);
    expect(roundUpToPage(last - 1)).toBe(last);
  });

  test.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53 - pageSize + 1, Number.MAX_SAFE_INTEGER, 2 ** 53])(
    'refuses %d',
    (bytes) => {
      expect(() => roundUpToPage(bytes)).toFailWith(RangeError, 'ERR_OUT_OF_RANGE', 'bytes');
    },
  );

  test.each([['1'], [1n], [undefined], [null]])('refuses %o', (bytes) => {
    expect(() => roundUpToPage(bytes as never)).toFailWith(TypeError, 'ERR_INVALID_ARG_TYPE', 'bytes');
  });
});
