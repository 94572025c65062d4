/** The words of the warning about segments that were left behind. */
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import type { ForkOptions } from '../support/fork-fixture.ts';
import { exists, freshName } from '../support/segments.ts';
import { warningsIn } from '../support/warning.ts';

/** What a process and its tracker write when it is killed with segments of its own. */
async function leave(options: ForkOptions, command: string, ...args: unknown[]): Promise<[string[], string]> {
  await using owner = forkFixture('tracker/owner.ts', options);
  const names = [await owner.ask<string | string[]>(command, ...args)].flat();
  await owner.kill();
  return [names, owner.stderr];
}

/** The line after CPython's. */
const ADVICE =
  'resource_tracker: They are unlinked now. To avoid this warning, create them with `using`, or dispose of them in ' +
  "process.on('exit'): `using` does not run on signals or process.exit(). See docs/lifetime.md; SHAREABLE_LEAKS=silent " +
  'turns the warning off.\n';

const withEnvironment = (...variables: string[]): ForkOptions => ({ through: ['env', ...variables] });

describe('the warning', () => {
  test("has CPython's wording, and the name, size and place of the segment", async () => {
    const [[name], text] = await leave({}, 'own', 1);
    const place = String.raw`(?:file://)?/\S+/test/tracker/fixtures/owner\.ts:\d+:\d+`;
    expect(text).toMatch(
      new RegExp(
        '^resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown: ' +
          String.raw`${name} \(100 bytes, created at ${place}\)\n`,
      ),
    );
  });

  test('names a segment of each class, and the line that created it', async () => {
    const [names, text] = await leave({}, 'ownOfEachClass');
    expect(names).toHaveLength(10);
    expect(text).toContain('There appear to be 10 leaked shared_memory objects');
    const unnamed = names.filter((name) => !new RegExp(`${name} \\(\\d+ bytes, created at \\S*owner\\.ts:`).test(text));
    expect(unnamed).toEqual([]);
  });

  test('has a second line that says how to avoid it', async () => {
    const [, text] = await leave({}, 'own', 1);
    expect(text.slice(text.indexOf('\n') + 1)).toBe(ADVICE);
  });

  test.skipIf(!platform.hasPosixCommands)(
    'is not written with SHAREABLE_LEAKS=silent, and the segments are unlinked',
    async () => {
      const [names, text] = await leave(withEnvironment('SHAREABLE_LEAKS=silent'), 'own', 3);
      expect(text).toBe('');
      expect(names.filter(exists)).toEqual([]);
      const [, other] = await leave(withEnvironment('SHAREABLE_LEAKS=loud'), 'own', 1);
      expect(other).toContain('1 leaked shared_memory objects');
    },
  );

  test.skipIf(!platform.hasPosixCommands)('leaves out places with SHAREABLE_CALL_SITE=off', async () => {
    const [[name], text] = await leave(withEnvironment('SHAREABLE_CALL_SITE=off'), 'own', 1);
    expect(text).toBe(
      'resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown: ' +
        `${name} (100 bytes)\n${ADVICE}`,
    );
  });

  test.each(['ownList', 'ownByCreateOrAttach'])('names the place of every way to create (%s)', async (command) => {
    const [[name], text] = await leave({}, command);
    expect(warningsIn(text)).toEqual([
      { count: 1, leaks: [{ name, size: expect.any(Number), place: expect.stringMatching(/^owner\.ts:\d+/) }] },
    ]);
  });

  test.skipIf(!platform.createsQuickly)(
    'counts two thousand segments in one line, and names the first twenty',
    async () => {
      const [names, text] = await leave({}, 'own', 2000);
      expect(names.filter(exists)).toEqual([]);
      expect(text.match(/\n/g)).toHaveLength(2);
      const [{ count, leaks } = { count: 0, leaks: [] }] = warningsIn(text);
      expect(count).toBe(2000);
      expect(leaks.map(({ name }) => name)).toEqual(names.slice(0, 20));
      expect(text.endsWith(`, and 1980 more\n${ADVICE}`)).toBe(true);
    },
  );

  test('is complete, though trackers that start at the same time sweep', async () => {
    const left = async () => {
      await using owner = forkFixture('tracker/brief.ts', { args: ['20'] });
      await owner.end();
      return { names: owner.stdout.split('\n'), stderr: owner.stderr };
    };
    for (const { names, stderr } of await Promise.all(Array.from({ length: 6 }, left))) {
      expect(warningsIn(stderr)[0]?.leaks.map(({ name }) => name)).toEqual(names);
      expect(names.filter(exists)).toEqual([]);
    }
  });

  test('escapes unusual characters in names', async () => {
    const [[name], text] = await leave({}, 'own', 1, { name: `${freshName()} données 🦀` });
    expect(text).toContain(`: ${name} (100 bytes, created at `);
    expect(exists(name ?? '')).toBe(false);
  });
});

describe('finding the place', () => {
  test('works for a program whose built-in objects are frozen', async () => {
    const [, text] = await leave({ execArgv: ['--frozen-intrinsics', '--no-warnings'] }, 'own', 1);
    expect(warningsIn(text)[0]?.leaks[0]?.place).toMatch(/^owner\.ts:\d+:\d+$/);
  });

  test('is skipped when the program formats its stacks itself', async () => {
    const setUp = 'data:text/javascript,Error.prepareStackTrace = () => { throw new Error("no stack for you"); }';
    const [[name], text] = await leave({ execArgv: ['--import', setUp] }, 'own', 1);
    expect(warningsIn(text)).toEqual([{ count: 1, leaks: [{ name, size: 100 }] }]);
  });
});
