/** NODE_DEBUG=shareable, on every runtime. */
import { spawnSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { forkFixture } from '../support/fork-fixture.ts';
import { pathOfFixture } from '../support/fixtures.ts';
import { nodes } from '../support/nodes.ts';
import { platform } from '../support/platform.ts';
import { canHavePrivateMemory, privately } from '../support/private-memory.ts';
import { runtimes } from '../support/runtimes.ts';
import { freshName } from '../support/segments.ts';
import { until } from '../support/until.ts';

const program = pathOfFixture('diagnostics/program.mjs');
const all = [
  ...nodes.flatMap(({ name, path }) => (path === undefined ? [] : [{ name, command: [path] }])),
  ...runtimes.map(({ name, path, flags }) => ({ name, command: [path, ...flags] })),
];

function run(
  command: string[],
  name: string,
  debug: string,
): { stdout: string; stderr: string; status: number | null } {
  const [executable = '', ...args] = command;
  const env = { ...process.env, NODE_OPTIONS: '', NODE_DEBUG: debug, NO_COLOR: '1' };
  return spawnSync(executable, [...args, program, name], { encoding: 'utf8', env, timeout: 25_000 });
}

describe.each(all)('NODE_DEBUG on $name', ({ command }) => {
  test('prints each message in a line on standard error', () => {
    const name = freshName();
    const { stdout, stderr, status } = run(command, name, 'net,shareable');
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
    const lines = stderr.split('\n').filter((line) => line.startsWith('SHAREABLE '));
    const messages = lines.map((line) => line.replace(/^SHAREABLE \d+: /, ''));
    expect(messages[0]).toBe(`create kind='SharedMemory' name='${name}' size=64 isOwner=true`);
    expect(
      messages.map((line) =>
        line
          .split(' ', 2)
          .join(' ')
          .replace(/ name=.*/, ''),
      ),
    ).toEqual([
      "create kind='SharedMemory'",
      "create kind='ShareableList'",
      "attach kind='ShareableList'",
      "close kind='ShareableList'",
      "create kind='Lock'",
      'lock:wait',
      'lock:waited',
      ...["'Lock'", "'ShareableList'", "'SharedMemory'"].flatMap((kind) => [
        `close kind=${kind}`,
        `unlink kind=${kind}`,
      ]),
    ]);
    expect(messages[6]).toMatch(/^lock:waited name='psm_\w+' isAsync=true timeout=Infinity milliseconds=[\d.]+$/);
  });

  test('prints nothing for other packages', () => {
    expect(run(command, freshName(), 'shareable2')).toMatchObject({ stdout: '', stderr: '', status: 0 });
  });
});

test.skipIf(!platform.hasSweep || !canHavePrivateMemory)('NODE_DEBUG shows what the helper sweeps', async () => {
  const through = [...privately('size=64m'), 'env', 'NODE_DEBUG=shareable'];
  const child = forkFixture('cli/private.ts', { through });
  await child.ask('leaveBehind', ['left-behind']);
  await child.ask('create', 64);
  await until(() => child.stderr.includes(': sweep '));
  await child.ask('disposeAll');
  child.process.disconnect();
  await child.end();
  expect(child.stderr).toMatch(/^SHAREABLE \d+: sweep name='left-behind'$/m);
});
