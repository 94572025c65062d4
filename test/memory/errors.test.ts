import * as shareable from 'shareable';
import {
  LayoutError,
  OutOfSharedMemoryError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  SharedMemory,
  SharedMemoryError,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

const CLASSES = {
  LayoutError,
  OutOfSharedMemoryError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
};

describe.each(Object.entries(CLASSES))('%s', (name, ErrorClass) => {
  test('is a SharedMemoryError and an Error, and is called by its name', () => {
    const cause = new Error('the reason');
    const error = new ErrorClass('what happened', { code: 'CODE', syscall: 'open', segment: 'psm_x', cause });
    expect(error).toBeInstanceOf(SharedMemoryError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, code: 'CODE', syscall: 'open', segment: 'psm_x', cause });
    expect(String(error)).toBe(`${name}: what happened`);
    expect(error.stack).toContain(`${name}: what happened`);
  });
});

test.skipIf(!platform.hasLinuxCalls)('an error of the system has its code, its call and the segment', () => {
  const name = freshName();
  let error: unknown;
  try {
    SharedMemory.attach(name);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(SegmentNotFoundError);
  expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open', segment: name, name: 'SegmentNotFoundError' });
});

test('an error tells where it was thrown', () => {
  let error: unknown;
  try {
    SharedMemory.attach(freshName());
  } catch (thrown) {
    error = thrown;
  }
  expect((error as Error).stack).toContain('errors.test.ts');
});

test('the classes and functions of the documentation are exported', () => {
  const names = [
    ...Object.keys(CLASSES),
    'ShareableList',
    'SharedMemory',
    'SharedMemoryError',
    'pageSize',
    'roundUpToPage',
  ];
  expect(Object.keys(shareable)).toEqual(expect.arrayContaining(names));
});
