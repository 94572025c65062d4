/** Memory that left its thread: it must never be freed, or be another segment's, while anything can still touch it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { installedNodes } from '../support/nodes.ts';
import { platform } from '../support/platform.ts';

const program = fileURLToPath(new URL('fixtures/moved.mjs', import.meta.url));
const WORKERS = 3;

/** What the program prints on one runtime. */
async function run(path: string, flags: string[], how: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(path, [...flags, program, String(WORKERS), how], {
    env: { ...process.env, NODE_OPTIONS: '' },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return JSON.parse(stdout);
}

describe.each(installedNodes)('on Node $major', ({ path }) => {
  test.each(['return', 'exit', 'terminate'])(
    'memory that workers moved to this thread stays usable after they end (%s), and never shows another segment',
    async (how) => {
      expect(await run(path, ['--expose-gc'], how)).toEqual({ foreign: 0, changed: 0, kept: WORKERS });
    },
  );
});

describe('a buffer that a byte stream moved away without close', () => {
  const readInto = async (view: Uint8Array<ArrayBuffer>) => {
    const bytes = new Uint8Array(view.length).fill(7);
    return new Blob([bytes]).stream().getReader({ mode: 'byob' }).read(view);
  };

  test('is replaced by a new one over the same bytes at the next use', async () => {
    using shm = SharedMemory.create(64);
    using other = SharedMemory.attach(shm.name);
    await readInto(shm.buf);
    expect(shm.buf).toHaveLength(64);
    shm.buf[0] = 42;
    shm.array(Uint8Array)[1] = 43;
    expect([other.buf[0], other.buf[1]]).toEqual([42, 43]);
    expect(shm.buf.buffer).toBe(shm.buffer);
  });

  test('does not matter at close: all views end', async () => {
    using shm = SharedMemory.create(64);
    await readInto(shm.buf);
    const { buf } = shm;
    shm.close();
    expect([buf.length, shm.closed]).toEqual([0, true]);
  });
});

describe.runIf('transfer' in ArrayBuffer.prototype)('memory that was moved several times', () => {
  test.skipIf(!platform.hasZerosAfterClose)(
    'reads zeros in every alias after close, and keeps sharing until then',
    () => {
      using shm = SharedMemory.create(64);
      using other = SharedMemory.attach(shm.name);
      const aliases = Array.from({ length: 3 }, () => new Uint8Array(shm.buffer.transfer()));
      shm.buf[0] = 9;
      expect(aliases.map(([first]) => first)).toEqual([9, 9, 9]);
      shm.close();
      expect(aliases.map(([first]) => first)).toEqual([0, 0, 0]);
      expect(other.buf[0]).toBe(9);
    },
  );
});
