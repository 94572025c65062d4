import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { bin, shareable } from '../support/cli.ts';
import { processLimit } from '../support/limits.ts';
import { exists, freshName } from '../support/segments.ts';

const COMMANDS = ['ls', 'inspect', 'rm', 'gc', 'doctor'];

describe.skipIf(!platform.hasSweep)('help and version', () => {
  test('--help names every command and the exit codes', async () => {
    const { code, stdout, stderr } = await shareable(['--help']);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(stdout).toContain('Exit codes');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test.each(COMMANDS)('%s --help says how it is used, and does nothing', async (command) => {
    const { code, stdout, stderr } = await shareable([command, '--help']);
    expect(stdout).toMatch(new RegExp(`^usage: shareable ${command}\\b.*--json`));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('--version prints the version of the package', async () => {
    const { code, stdout } = await shareable(['--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
    expect(code).toBe(0);
  });

  test('without arguments the help goes to standard error, and the exit code is 2', async () => {
    const { code, stdout, stderr } = await shareable([]);
    expect(stderr).toContain('usage: shareable COMMAND');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe.skipIf(!platform.hasSweep)('a wrong command line', () => {
  test.each([
    ['an unknown command', ['frobnicate'], /there is no command 'frobnicate'; the commands are ls, inspect/],
    ['no command', ['--json=1'], /the commands are/],
    ['an unknown option', ['gc', '--dry'], /Unknown option '--dry'/],
    ['an option that is misspelled', ['rm', '--froce', 'x'], /Unknown option '--froce'/],
    ['a name too many', ['ls', 'x'], /expected no names, got 1: shareable ls/],
    ['a name too few', ['rm'], /expected 1 or more names, got 0: shareable rm NAME/],
    ['an invalid number', ['inspect', 'x', '--limit', 'all'], /--limit takes a whole number.*'all'/],
    ['a negative number', ['inspect', 'x', '--offset=-1'], /--offset takes a whole number/],
  ])('%s is one sentence on standard error and exit code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await shareable(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^shareable: .+\nSee 'shareable --help'\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('is JSON with --json', async () => {
    const { code, stderr } = await shareable(['frobnicate', '--json']);
    expect(JSON.parse(stderr)).toEqual({
      version: 1,
      error: { name: 'UsageError', code: 'ERR_SHM_USAGE', message: expect.stringContaining('frobnicate') },
    });
    expect(code).toBe(2);
  });
});

describe.skipIf(!platform.hasSweep)('an error', () => {
  test('is one sentence on standard error, without a stack, and exit code 1', async () => {
    const name = freshName();
    const { code, stdout, stderr } = await shareable(['inspect', name]);
    expect(stderr).toMatch(new RegExp(`^shareable: no shared memory segment is named '${name}'.*\n$`));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test('is JSON on standard error with --json', async () => {
    const { code, stdout, stderr } = await shareable(['inspect', freshName(), '--json']);
    expect(JSON.parse(stderr)).toMatchObject({ version: 1, error: { name: 'SegmentNotFoundError', code: 'ENOENT' } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test.each(['ls', 'gc'])('of a helper that does not start names it: %s', async (command) => {
    const { code, stderr } = await shareable([command], { env: { SHAREABLE_HELPER: '/nonexistent/helper' } });
    expect(stderr).toMatch(
      /^shareable: the helper of shareable, \/nonexistent\/helper, cannot be started \(ENOENT\)\..*\n$/,
    );
    expect(code).toBe(1);
  });

  test('of a helper that is another program says so', async () => {
    const { stderr } = await shareable(['ls', '--json'], { env: { SHAREABLE_HELPER: '/bin/echo' } });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ERR_SHM_HELPER' } });
  });

  test('of an addon that does not load says why', async () => {
    const { code, stderr } = await shareable(['ls'], { env: { SHAREABLE_ADDON: '/nonexistent/addon.node' } });
    expect(stderr).toMatch(
      /^shareable: the addon that SHAREABLE_ADDON names, \/nonexistent\/addon\.node, does not load: .*ENOENT/,
    );
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
  });
});

interface Node {
  alias: string;
  execPath: string;
}

/** The Nodes that the package supports beside the one that runs the tests, as far as they are installed. */
const nodes = ['node20', 'node22', 'node26'].flatMap((alias): Node[] => {
  try {
    return [{ alias, execPath: fileURLToPath(import.meta.resolve(`${alias}/bin/node`)) }];
  } catch {
    return [];
  }
});

test.skipIf(!platform.hasSweep || nodes.length === 0).each(nodes)('$alias runs it', async ({ execPath }) => {
  using list = ShareableList.create([1, 'two'], { name: freshName() });
  expect((await shareable(['ls'], { execPath })).stdout).toContain(list.name);
  expect((await shareable(['inspect', list.name], { execPath })).stdout).toContain("1  8s        'two'");
  expect(await shareable(['doctor'], { execPath })).toMatchObject({ code: 0, stderr: '' });
  expect(await shareable(['rm', list.name, '--force'], { execPath })).toMatchObject({ code: 0, stderr: '' });
});

test.skipIf(!platform.hasSweep)('ends quietly when its reader closes the pipe', async () => {
  using shm = SharedMemory.create(4_000_000, { name: freshName() });
  const child = spawn(process.execPath, [bin, 'inspect', shm.name, '--hex', '--all'], { timeout: processLimit() });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(exists(shm.name)).toBe(true);
});
