/** What of a segment's memory can outlive its close: it must become harmless, and never show or touch anything else. */
import type { Storable } from 'shareable';
import { SegmentClosedError, ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';

/** Newer than Node 20. */
const canTransfer = 'transfer' in ArrayBuffer.prototype;

describe.runIf(canTransfer)('a buffer that was transferred (where buffers can be)', () => {
  test.skipIf(!platform.hasZerosAfterClose)('keeps sharing until close, and reads zeros afterwards', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    shm.buf.fill(5);
    const alias = new Uint8Array(shm.buffer.transfer());
    alias[1] = 6;
    expect([other.buf[0], other.buf[1]]).toEqual([5, 6]);
    shm.close();
    expect(alias).toEqual(new Uint8Array(64));
  });

  test.skipIf(!platform.hasZerosAfterClose)('takes writes after close, which reach no process', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    const alias = new Uint8Array(shm.buffer.transfer());
    shm.close();
    alias.fill(9);
    expect(alias[63]).toBe(9);
    expect(other.buf).toEqual(new Uint8Array(64));
  });

  test('never shows segments that are created after close', () => {
    using shm = SharedMemory.create(4096);
    const alias = new Uint8Array(shm.buffer.transfer());
    shm.close();
    using stack = new DisposableStack();
    for (let count = 0; count < 50; count++) stack.use(SharedMemory.create(4096)).buf.fill(0xff);
    expect(alias).toEqual(new Uint8Array(4096));
  });

  test('does not make close fail or leave anything', () => {
    using shm = SharedMemory.create(64);
    const before = shm.buf;
    shm.buffer.transfer();
    shm.close();
    expect([shm.closed, before.length]).toEqual([true, 0]);
  });

  test('to another length is a copy', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    shm.buf.fill(5);
    const copy = new Uint8Array(shm.buffer.transfer(32));
    copy[0] = 1;
    expect(other.buf[0]).toBe(5);
    shm.close();
    expect([copy[0], copy[31]]).toEqual([1, 5]);
  });
});

describe.runIf(canTransfer)('a list whose buffer was transferred (where buffers can be)', () => {
  test.skipIf(!platform.hasZerosAfterClose)('keeps working until it is closed', () => {
    using list = ShareableList.create<Storable>([1, 'two', true, null]);
    using other = ShareableList.attach(list.name);
    const alias = new Uint8Array(list.shm.buffer.transfer());
    expect(list.toArray()).toEqual([1, 'two', true, null]);
    list.set(0, 5);
    expect(list.add(0, 1)).toBe(6);
    expect(other.get(0)).toBe(6);
    list.close();
    expect(() => list.get(0)).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
    expect(alias.every((byte) => byte === 0)).toBe(true);
  });
});

describe('a structured clone', () => {
  test('of a view is a copy that survives close', () => {
    using shm = SharedMemory.create(64);
    shm.buf.fill(5);
    const copy = structuredClone(shm.buf);
    shm.close();
    expect(copy).toEqual(new Uint8Array(64).fill(5));
  });

  test('with the buffer in its transfer list is refused, or a copy on Node 20, and the buffer stays what it is', () => {
    using shm = SharedMemory.create(64);
    const clone = () => {
      try {
        return new Uint8Array(structuredClone(shm.buffer, { transfer: [shm.buffer] })).fill(9).length;
      } catch (error) {
        return (error as Error).name;
      }
    };
    expect(clone()).toBe(canTransfer ? 'DataCloneError' : 64);
    expect(shm.buf[63]).toBe(0);
    shm.buf[0] = 1;
    expect(shm.buf[0]).toBe(1);
  });
});

describe.skipIf(!platform.hasProc)('work of the thread pool that is under way at close', () => {
  test('a file read ends without writing into later mappings', async () => {
    await using child = forkFixture('memory/close-under-way.ts', { execArgv: ['--expose-gc'] });
    expect(await child.ask('readFile')).toEqual({ read: 65_536, changed: 0, leftMapped: 0 });
  });

  test('random bytes end without being written into later mappings', async () => {
    await using child = forkFixture('memory/close-under-way.ts', { execArgv: ['--expose-gc'] });
    expect(await child.ask('randomFill')).toEqual({ failed: false, changed: 0, leftMapped: 0 });
  });

  test('compression ends without reading later mappings', async () => {
    await using child = forkFixture('memory/close-under-way.ts', { execArgv: ['--expose-gc'] });
    expect(await child.ask('gzip')).toEqual({ foreign: 0, leftMapped: 0 });
  });
});
