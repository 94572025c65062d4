/** The package on Bun and Deno: that it works at all, that two processes share, and what closing a buffer in use comes to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { processLimit } from '../support/limits.ts';
import { runtimes } from '../support/runtimes.ts';
import { exists } from '../support/segments.ts';
import { warningsIn } from '../support/warning.ts';

const program = fileURLToPath(new URL('fixtures/other-runtime.mjs', import.meta.url));
const isLinux = process.platform === 'linux' && process.arch === 'x64';

/** The length of a view whose buffer was in use at close, and what was said of it. */
const afterClose: Record<string, [length: number, warnings: unknown[]]> = {
  bun: [1 << 20, [{ code: 'SHM_NOT_DETACHED', message: expect.stringContaining('no longer shared') }]],
  deno: [0, []],
};

interface Found {
  found: unknown;
  stderr: string;
  code: number | null;
}

/** Runs a part of the program to its end. */
async function run({ path, flags }: (typeof runtimes)[number], ...part: string[]): Promise<Found> {
  const child = spawn(path, [...flags, program, ...part], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // What is for Node, is not for them.
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    timeout: processLimit(),
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { found: stdout === '' ? undefined : JSON.parse(stdout), stderr, code };
}

test.runIf(isLinux)('both are here (on Linux x64)', () => {
  expect(runtimes.map(({ name }) => name)).toEqual(['bun', 'deno']);
});

describe.each(runtimes)('$name $version', (runtime) => {
  test('is the one that runs', async () => {
    expect(await run(runtime, 'version')).toEqual({ found: runtime.version, stderr: '', code: 0 });
  });

  test.each([
    ['segments', 'segment'],
    ['lists of every type', 'list'],
    ['locks, and is told of a holder that died', 'lock'],
    ['messages of a channel, and gets again what a dead consumer was reading', 'channel'],
    ['semaphores, events, values and the like', 'primitives'],
    ['what a manager keeps', 'manager'],
  ])('shares %s between two processes', async (_, part) => {
    expect(await run(runtime, part)).toEqual({ found: 'ok', stderr: '', code: 0 });
  });

  test('detaches the buffer at close', async () => {
    expect(await run(runtime, 'close')).toEqual({
      found: { closed: 'closed', isClosed: true, length: 0, bytes: 0, first: null, left: false },
      stderr: '',
      code: 0,
    });
  });

  test('closes a segment whose buffer is in use: detached, or private zeros and a warning', async () => {
    const { found } = await run(runtime, 'pinned');
    const [length, warnings] = afterClose[runtime.name] ?? [];
    expect(found).toEqual({
      closed: 'closed',
      isClosed: true,
      first: 0,
      use: expect.stringMatching(/^SegmentClosedError ERR_SHM_CLOSED/),
      count: 1 << 20,
      length,
      warnings,
    });
  });

  test('leaves what it owns to the tracker, whose warning names the place', async () => {
    const { found, stderr } = await run(runtime, 'leave');
    expect(exists(String(found))).toBe(false);
    expect(warningsIn(stderr)).toEqual([
      { count: 1, leaks: [{ name: found, size: 100, place: expect.stringMatching(/^other-runtime\.mjs:\d+:\d+$/) }] },
    ]);
  });

  test('keeps no files or mappings of ten thousand segments', async () => {
    const { found } = await run(runtime, 'cycles', '10000');
    // Its own heap takes some ranges.
    expect(found).toEqual({ files: 0, ranges: expect.toSatisfy((ranges: number) => ranges < 100) });
  });
});
