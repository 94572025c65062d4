/**
 * What takes a PID namespace or root: the tracker of the first process of a container, a process number that is used again,
 * and a process that gives its rights up.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import { pathOfFixture } from '../support/fixtures.ts';
import { exists, freshName, pathOf } from '../support/segments.ts';
import { until } from '../support/until.ts';
import { warningsIn } from '../support/warning.ts';

/** Runs as the first process of a PID namespace, with a /dev/shm of its own. */
const asFirst = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'];
const withMemory = 'mount -t tmpfs -o mode=1777 none /dev/shm && exec "$@"';
const canBeFirst =
  process.platform === 'linux' && spawnSync('unshare', [...asFirst.slice(1), withMemory, 'sh', 'true']).status === 0;

const bun = join(dirname(createRequire(import.meta.url).resolve('bun/package.json')), 'bin/bun');

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function run(through: string[], fixture: string, args: string[] = [], runtime = process.execPath): Run {
  const [command = '', ...rest] = [...through, runtime, pathOfFixture(`tracker/${fixture}`), ...args];
  return spawnSync(command, rest, { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' });
}

describe.runIf(canBeFirst)('in a PID namespace', () => {
  test('no process that ends cleanly leaves a zombie to the first one, nor does shutdown()', () => {
    const { stdout } = run([...asFirst, withMemory, 'sh'], 'first-process.mjs');
    const report = JSON.parse(stdout) as { pid: number; left: Record<string, number>; names: string[] };
    expect(report).toMatchObject({ pid: 1, names: [] });
    expect(Object.entries(report.left).filter(([, zombies]) => zombies !== 0)).toEqual([]);
    expect(Object.keys(report.left)).toHaveLength(7);
  });

  // Node gives every signal its default action at start, so it takes Bun to ignore the ends of children.
  test.runIf(existsSync(bun))('a process with the number of a dead tracker is not killed', () => {
    const through = [...asFirst, withMemory, 'sh', 'env', '--ignore-signal=CHLD'];
    const { status, stdout, stderr } = run(through, 'number-reused.mjs', [], bun);
    expect({ status, stderr, report: stdout }).toEqual({ status: 0, stderr: '', report: '{"hasEnded":false}' });
  });
});

describe.runIf(canBeAnotherUser)('a process that gives up root', () => {
  test.each(['open', 'closed'])(
    'creates under a tracker of its new user while the socket to the first one is %s, and both clean up',
    async (socket) => {
      const { status, stdout, stderr } = run(asUser(0), 'rights-given-up.mjs', [socket]);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const { names } = JSON.parse(stdout) as { names: string[] };
      expect(names).toHaveLength(2);
      await until(() => !names.some(exists));
      const leaks = warningsIn(stderr).flatMap((warning) => warning.leaks.map(({ name }) => name));
      expect(leaks.filter((name) => names.includes(name)).toSorted()).toEqual(names.toSorted());
    },
  );

  test('cannot have a file of root removed by the tracker that root has started', async () => {
    const name = freshName();
    writeFileSync(pathOf(name), 'of root', { mode: 0o600 });
    onTestFinished(() => rmSync(pathOf(name), { force: true }));
    const { ino } = statSync(pathOf(name));
    const { status, stdout, stderr } = run(asUser(0), 'rights-misused.mjs', [name]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const { names } = JSON.parse(stdout) as { names: string[] };
    // Its tracker has cleaned up by then.
    await until(() => !names.some(exists));
    expect(existsSync(pathOf(name)) && statSync(pathOf(name)).ino).toBe(ino);
  });
});
