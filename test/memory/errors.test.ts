import * as shareable from 'shareable';
import {
  AuthenticationError,
  LayoutError,
  LockAbortedError,
  LockTimeoutError,
  ManagerClosedError,
  OutOfSharedMemoryError,
  SegmentAccessError,
  SegmentClosedError,
  SegmentExistsError,
  SegmentNotFoundError,
  ShareableList,
  SharedMemory,
  SharedMemoryError,
  SlotFullError,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

const CLASSES = {
  AuthenticationError,
  LayoutError,
  LockTimeoutError,
  ManagerClosedError,
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

  test('keeps its name when a minifier renames the class', () => {
    // What a bundler makes of it is a class of another name with the same prototype.
    const Renamed = class extends (ErrorClass as typeof SharedMemoryError) {};
    expect(new Renamed('what happened', { code: 'CODE' }).name).toBe(name);
    expect(Object.getOwnPropertyDescriptor(ErrorClass.prototype, 'name')?.value).toBe(name);
  });
});

test('an aborted wait has the name that Node gives such errors', () => {
  const error = new LockAbortedError('what happened', { code: 'ABORT_ERR' });
  expect([error.name, String(error)]).toEqual(['AbortError', 'AbortError: what happened']);
});

test('a value too long for its slot is a RangeError with a code of its own', () => {
  const name = freshName();
  using list = ShareableList.create(['short'], { name });
  let error: unknown;
  try {
    list.set(0, 'longer than eight bytes');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(SlotFullError);
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toMatchObject({ name: 'SlotFullError', code: 'ERR_SHM_SLOT_FULL', segment: name });
  expect(String(error)).toContain('23 bytes do not fit slot 0, which has 8; create the list with a larger slot');
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
    'SlotFullError',
    'slot',
    'pageSize',
    'roundUpToPage',
  ];
  expect(Object.keys(shareable)).toEqual(expect.arrayContaining(names));
});
