import { inspect } from 'node:util';

import { SegmentClosedError, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

describe('after close', () => {
  test('every view over the buffer has length 0, and the buffer is detached', () => {
    using shm = SharedMemory.create(64);
    const { buffer, buf } = shm;
    const floats = shm.array(Float64Array, 8, 2);
    const part = buf.subarray(3, 9);
    const view = new DataView(buffer);
    shm.close();
    // Node 20 does not have the property.
    expect(buffer.detached ?? true).toBe(true);
    expect([buffer.byteLength, buf.length, floats.length, part.length]).toEqual([0, 0, 0, 0]);
    expect(() => view.getInt8(0)).toThrow(TypeError);
  });

  test('reads from a view give undefined, and writes to it do nothing', () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    const { buf } = shm;
    shm.close();
    buf[0] = 1;
    expect(buf[0]).toBeUndefined();
    expect(other.buf[0]).toBe(0);
  });

  test('the end of a scope closes, for the owner and for an attachment', () => {
    let views: Uint8Array[];
    {
      using shm = SharedMemory.create(64);
      using other = SharedMemory.attach(shm.name);
      views = [shm.buf, other.buf];
    }
    expect(views.map((view) => view.length)).toEqual([0, 0]);
  });

  test('buffer, buf and array fail with ERR_SHM_CLOSED', () => {
    using shm = SharedMemory.create(64);
    const uses = [() => shm.buffer, () => shm.buf, () => shm.array(Int8Array)];
    for (const use of uses) expect(use).not.toThrow();
    shm.close();
    for (const use of uses) expect(use).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED', shm.name);
  });

  test('buffer fails with ERR_SHM_CLOSED also when it was never used before', () => {
    using shm = SharedMemory.create(64);
    shm.close();
    expect(() => shm.buffer).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED', shm.name);
  });

  test('the error names the segment', () => {
    using shm = SharedMemory.create(64);
    shm.close();
    let error: unknown;
    try {
      expect(shm.buf).toBeUndefined();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ segment: shm.name, syscall: undefined });
  });

  test('printing works', () => {
    using shm = SharedMemory.create(64);
    shm.close();
    for (const text of [String(shm), inspect(shm), inspect({ shm }, { depth: 0 })]) {
      expect(text).toContain(shm.name);
      expect(text).toContain('closed');
    }
    expect(JSON.parse(JSON.stringify(shm))).toEqual({ type: 'SharedMemory', name: shm.name });
  });

  test('attaching again works', () => {
    using shm = SharedMemory.create(64);
    shm.buf[1] = 1;
    shm.close();
    using again = SharedMemory.attach(shm.toJSON());
    expect(again.buf[1]).toBe(1);
  });
});
