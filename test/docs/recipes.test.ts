/** The programs of docs/recipes.md run, print what they are there to show, and leave nothing. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, onTestFinished, test } from 'vitest';

import { processLimit } from '../support/limits.ts';
import { nodes } from '../support/nodes.ts';
import { platform } from '../support/platform.ts';
import { exists, freshName } from '../support/segments.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const recipe = (name: string) => join(root, 'examples/recipes', name);

async function run(program: string, executable = process.execPath): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(executable, [recipe(program)], { timeout: processLimit() });
  // No leak, and no warning of Node.
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

describe.skipIf(!platform.hasPosixCommands)('the recipe', () => {
  test.each([
    ['frames.ts', ['100 whole frames through 4 buffers']],
    ['leases.ts', ['worker ended with SIGKILL: 1 1 1 0 0 0', 'done again: 3', 'worker ended with 0: 1 1 1 1 1 1']],
    ['configuration.ts', ['limit 500, text of 500']],
    ['threads.ts', ['4999950000']],
    ['piscina.ts', ['rows of at most 10000 to 80000, now all of at most 1']],
    ['rolling-restart.ts', ['4 workers have read 8388608 bytes of 7']],
    ['queue.ts', ['in order: 1 2 3 4 5', 'gave up after 5 ms']],
    [
      'leaks.ts',
      [
        expect.stringMatching(/^true 4096 owned=true mappings=1 at leaks\.ts:\d+:\d+$/),
        'still open: [["ShareableList",1]]',
      ],
    ],
    ['documents.ts', ['9900 characters, old page fresh: false', 'written there: 1']],
    ['visibility.ts', ['sees 41', 'both processes added: 1000', 'Atomics.wait: TypeError', 'Atomics.notify woke 0']],
  ])('%s prints what it is there to show', async (program, lines) => {
    expect(await run(program)).toEqual(lines);
  });

  test.each(nodes.filter(({ path }) => path !== undefined))('without-using.mjs runs on $name', async ({ path }) => {
    expect(await run('without-using.mjs', path)).toEqual(['42', '6']);
  });

  test.each([
    ['SIGINT', 0],
    ['SIGTERM', 0],
    ['process.exit()', 3],
  ])('server.ts leaves no segment and no warning after %s', async (end, expected) => {
    const child = spawn(process.execPath, [recipe('server.ts')], { timeout: processLimit() });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const lines = createInterface({ input: child.stdout });
    const [first] = (await once(lines, 'line')) as [string];
    const [name = '', port] = first.split(' at ');
    expect(exists(name)).toBe(true);
    if (end.startsWith('SIG')) child.kill(end as NodeJS.Signals);
    else await fetch(`http://127.0.0.1:${port}/exit`).catch(() => {});
    const [code] = await once(child, 'close');
    expect({ code, stderr, left: exists(name) }).toEqual({ code: expected, stderr: '', left: false });
  });

  test('pm2-app.ts makes its table once, finds it after a restart, and removes it', async () => {
    const env = { ...process.env, TABLE: freshName() };
    const start = async () => {
      const child = spawn(process.execPath, [recipe('pm2-app.ts')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      return { child, line };
    };
    // As a reload does: the new process starts before the old one ends.
    const [old, fresh] = [await start(), await start()];
    expect([old.line, fresh.line]).toEqual(['made the table', 'found the table']);
    for (const { child } of [old, fresh]) {
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([0, null]);
    }
    expect(exists(env.TABLE)).toBe(true);
    await promisify(execFile)(process.execPath, [recipe('pm2-app.ts'), 'remove'], { env });
    expect(exists(env.TABLE)).toBe(false);
  });

  test(
    'jest/ runs in Jest, and its set-up finds a segment that is left open',
    { timeout: processLimit(120_000) },
    async () => {
      const require = createRequire(recipe('package.json'));
      const jest = join(dirname(require.resolve('jest/package.json')), 'bin/jest.js');
      // Beside the package, so that a copy resolves what the example does.
      const folder = mkdtempSync(recipe('jest-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      cpSync(recipe('jest'), folder, { recursive: true });
      const inJest = async () =>
        promisify(execFile)(process.execPath, [jest, '--ci', '--no-watchman'], {
          cwd: folder,
          env: { ...process.env, NODE_OPTIONS: '', TMPDIR: tmpdir() },
          timeout: processLimit(),
        });
      expect((await inJest()).stderr).toMatch(/Tests: +1 passed, 1 total/);
      const leaking = "test('leaks', () => void require('shareable').SharedMemory.create(8));\n";
      rmSync(join(folder, 'sum.test.cjs'));
      writeFileSync(join(folder, 'leaking.test.cjs'), leaking);
      await expect(inJest()).rejects.toThrow(/isOwned.*leaking\.test\.cjs|leaking\.test\.cjs.*createdAt/s);
    },
  );
});
