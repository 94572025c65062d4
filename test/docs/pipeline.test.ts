/** The example of a pipeline: its result is exact although a stage is killed, and nothing is left behind. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { childrenOf, commandOf } from '../support/processes.ts';
import { findPythons, runPython } from '../support/python.ts';

const main = fileURLToPath(new URL('../../examples/pipeline/src/main.ts', import.meta.url));
const rows = '20000';
/** Enough that all stages still work when the first line of progress comes, after half a second. */
const manyRows = '3000000';

/** Its data is compressed by what Node 20 does not know; it runs on the Node of this repository. */
const canRun = platform.hasShmFolder && platform.hasProc && 'zstdDecompressSync' in zlib;

const python = findPythons().at(-1);

/** What /proc says of the mappings of a process: nothing once it has ended. */
function mapsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch {
    return '';
  }
}

/** The segments that a process and its children have mapped: other tests create segments at the same time. */
function segmentsOf(pid: number): string[] {
  const maps = [pid, ...childrenOf(pid)].map(mapsOf);
  return [...new Set(maps.join('').match(/\/dev\/shm\/psm_\w+/g))];
}

function start(flights = rows): { child: ChildProcess; output: Promise<string>; errors: Promise<string> } {
  const child = spawn(process.execPath, [main, '--rows', flights], { stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, output: text(child.stdout), errors: text(child.stderr) };
}

describe.skipIf(!canRun)('the pipeline (with zstd)', () => {
  test('has the exact result although a stage is killed, and prints its progress as lines', async () => {
    const { child, output, errors } = start();
    const [code] = await once(child, 'exit');
    expect(await errors).toMatch(/^ +\d+\.\d s {2}decode [\d,]+ flights, waited .* \| flights \d+ % full \| enrich /m);
    expect(await errors).not.toContain('\u001B');
    expect(await output).toMatch(/The stage enrich was killed after 1\d,\d{3} of 20,000 flights/);
    expect(await output).toContain('All runs agree with a computation in one process');
    expect(await output).toMatch(/time +[\d,.]+ ms +[\d,.]+ ms +[\d,.]+ ms/);
    expect(code).toBe(0);
  }, 240_000);

  test.skipIf(python === undefined)(
    'redraws its progress in place on a terminal',
    async () => {
      await using terminal = runPython(python!, 'cli/terminal.py', 235_000);
      const { code, output } = await terminal.ask<{ code: number; output: string }>(
        'run',
        [process.execPath, main, '--rows', rows],
        '',
      );
      // Up to the first of the five bars, again and again.
      expect(output.split('\u001B[4A').length).toBeGreaterThan(2);
      expect(output).toMatch(/ {2}decode +[█░]{32} \d+ %/);
      expect(output).toContain('All runs agree with a computation in one process');
      expect(code).toBe(0);
    },
    240_000,
  );

  test('names the stage that died, and ends all others', async () => {
    const { child, output, errors } = start(manyRows);
    await once(child.stderr!, 'data'); // Its first line of progress: all stages work.
    const segments = segmentsOf(child.pid!);
    const first = childrenOf(child.pid!).find((pid) => commandOf(pid).endsWith(' decode'));
    process.kill(first!, 'SIGKILL');
    const [code] = await once(child, 'exit');
    expect(await errors).toContain(`pipeline: the stage decode (pid ${first}) was killed by SIGKILL`);
    expect(await output).toBe('');
    expect(code).toBe(1);
    expect(segments.length).toBeGreaterThan(0);
    await expect.poll(() => segments.filter((path) => existsSync(path)), { timeout: 20_000 }).toEqual([]);
  }, 240_000);

  test('ends with code 130 on Ctrl-C, and leaves nothing', async () => {
    const { child, errors } = start(manyRows);
    await once(child.stderr!, 'data');
    const segments = segmentsOf(child.pid!);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(await errors).toContain('pipeline: interrupted by SIGINT');
    expect(segments.length).toBeGreaterThan(0);
    await expect.poll(() => segments.filter((path) => existsSync(path)), { timeout: 20_000 }).toEqual([]);
  }, 240_000);
});
