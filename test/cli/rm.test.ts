import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

import { SharedMemory } from 'shareable';
import { describe, expect, inject, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { bin, shareable } from '../support/cli.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { runPython } from '../support/python.ts';
import { SHM, exists, freshName, pathOf } from '../support/segments.ts';

const [python] = inject('pythons').slice(-1);

/** Makes a segment that nobody uses and whose creator is dead. */
async function abandon(name = freshName()): Promise<string> {
  await using peer = forkFixture('cli/peer.ts');
  await peer.ask('create', name, 64, { track: false });
  return name;
}

describe.skipIf(!platform.hasSweep)('shareable rm, without a terminal', () => {
  test.skipIf(!platform.listsUnowned)('removes several unused segments', async () => {
    const names = [await abandon(), await abandon()];
    const { code, stdout, stderr } = await shareable(['rm', ...names]);
    expect(stdout).toBe(names.map((name) => `removed '${name}'\n`).join(''));
    expect({ code, stderr, left: names.filter(exists) }).toEqual({ code: 0, stderr: '', left: [] });
  });

  test('refuses one that is in use, with its owner alive, and leaves it', async () => {
    using shm = SharedMemory.create(64, { name: freshName() });
    const { code, stdout, stderr } = await shareable(['rm', shm.name]);
    const owner = platform.recordsOwners ? `, and its owner, process ${process.pid}, is alive` : '';
    expect(stderr).toMatch(new RegExp(`^shareable: segment '${shm.name}' is in use${owner}: .*--force\\.\n$`));
    expect({ code, stdout, left: exists(shm.name) }).toEqual({ code: 1, stdout: '', left: true });
  });

  test.skipIf(!platform.recordsCreators)('refuses a closed segment whose creator is alive', async () => {
    await using peer = forkFixture('cli/peer.ts');
    const name = freshName();
    const pid = await peer.ask<number>('create', name, 64, { track: false });
    await peer.ask('closeAll');
    const { code, stderr } = await shareable(['rm', name]);
    expect(stderr).toContain(`is not in use, but its creator, process ${pid}, is alive`);
    expect({ code, left: exists(name) }).toEqual({ code: 1, left: true });
    await peer.ask('unlinkAll');
  });

  test.skipIf(!platform.listsUnowned)(
    'refuses one whose creator is dead, but which another process has mapped',
    async () => {
      const name = await abandon();
      await using peer = forkFixture('cli/peer.ts');
      await peer.ask('attach', name);
      const { code, stderr } = await shareable(['rm', name]);
      expect(stderr).toContain(`segment '${name}' is in use: it was not removed`);
      expect({ code, left: exists(name) }).toEqual({ code: 1, left: true });
      await peer.ask('closeAll');
      expect((await shareable(['rm', name])).code).toBe(0);
    },
  );

  test('with --force removes it anyway, and existing attachments keep working', async () => {
    using shm = SharedMemory.create(64, { name: freshName() });
    shm.buf[0] = 7;
    const { code, stdout } = await shareable(['rm', '--force', shm.name]);
    expect({ code, stdout, left: exists(shm.name) }).toEqual({
      code: 0,
      stdout: `removed '${shm.name}'\n`,
      left: false,
    });
    expect(shm.buf[0]).toBe(7);
  });

  test.skipIf(!platform.listsUnowned)('removes the others after a failure, and exits with 1', async () => {
    const [missing, there] = [freshName(), await abandon()];
    const { code, stdout, stderr } = await shareable(['rm', missing, there]);
    expect(stdout).toBe(`removed '${there}'\n`);
    expect(stderr).toContain(`no shared memory segment is named '${missing}'`);
    expect({ code, left: exists(there) }).toEqual({ code: 1, left: false });
  });

  test.skipIf(!platform.listsUnowned)('says in JSON what was removed and what failed', async () => {
    using live = SharedMemory.create(64, { name: freshName() });
    const [missing, there] = [freshName(), await abandon()];
    const { code, stdout, stderr } = await shareable(['rm', '--json', missing, live.name, there]);
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      removed: [there],
      failed: [
        { name: missing, error: { name: 'SegmentNotFoundError', code: 'ENOENT', message: expect.any(String) } },
        { name: live.name, error: { name: 'SharedMemoryError', code: 'ERR_SHM_IN_USE', message: expect.any(String) } },
      ],
    });
    const errors = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { error: { code: string } });
    expect(errors.map(({ error }) => error.code)).toEqual(['ENOENT', 'ERR_SHM_IN_USE']);
    expect(code).toBe(1);
  });

  test.skipIf(!platform.hasShmFolder)('removes an empty file, which cannot be attached to', async () => {
    const name = freshName();
    writeFileSync(pathOf(name), '');
    expect((await shareable(['rm', name])).code).toBe(0);
    expect(exists(name)).toBe(false);
  });

  test.runIf(platform.simulatesMac)(
    'removes what cannot be attached to, if nobody is on record as its owner',
    async () => {
      const [empty, damaged] = [freshName(), freshName()];
      writeFileSync(join(SHM, empty), '');
      SharedMemory.create(64, { name: damaged, track: false }).close();
      const file = join(SHM, damaged);
      const bytes = readFileSync(file);
      bytes.subarray(-64).fill(0xff);
      writeFileSync(file, bytes);
      expect(() => SharedMemory.attach(damaged)).toThrow("remove it by 'shareable rm'");
      for (const name of [empty, damaged]) {
        expect(await shareable(['rm', name])).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
        expect(await shareable(['rm', '--force', name])).toMatchObject({ code: 0, stdout: `removed '${name}'\n` });
        expect(existsSync(join(SHM, name))).toBe(false);
      }
      expect((await shareable(['rm', '--force', damaged])).stderr).toContain('no shared memory segment is named');
    },
  );

  test.skipIf(!platform.listsUnowned)('takes a name that begins with a dash after --', async () => {
    const name = `-${freshName()}`;
    await abandon(name);
    expect((await shareable(['rm', '--', name])).code).toBe(0);
    expect(exists(name)).toBe(false);
  });

  test.each([['../etc/passwd'], ['.'], [''], ['a/b']])('refuses %j, which is not a valid name', async (name) => {
    const { code, stderr } = await shareable(['rm', '--force', name]);
    expect(stderr).toMatch(/^shareable: segment name ".*/);
    expect(code).toBe(1);
  });
});

describe.skipIf(!platform.hasSweep || !platform.hasPseudoTerminals || python === undefined)(
  'shareable rm, on a terminal',
  () => {
    const onTerminal = async (args: string[], typed: string) => {
      if (python === undefined) throw new Error('there is no Python');
      await using child = runPython(python, 'cli/terminal.py');
      return child.ask<{ code: number; output: string; asked: boolean }>(
        'run',
        [process.execPath, bin, ...args],
        typed,
      );
    };

    test.each([
      ['n\r', 'no'],
      ['\r', 'nothing'],
      ['yess\r', 'something else'],
      ['\u0004', 'the end of input'],
    ])('leaves a live one after %j: %s', async (typed) => {
      using shm = SharedMemory.create(64, { name: freshName() });
      const { code, output, asked } = await onTerminal(['rm', shm.name], typed);
      expect(output).toContain(`its owner, process ${process.pid}, is alive.`);
      expect(output).toContain(`left '${shm.name}' alone`);
      expect({ asked, code, left: exists(shm.name) }).toEqual({ asked: true, code: 0, left: true });
    });

    test.each(['y\r', 'YES\r'])('removes it after %j', async (typed) => {
      using shm = SharedMemory.create(64, { name: freshName() });
      const { code, output } = await onTerminal(['rm', shm.name], typed);
      expect(output).toContain(`removed '${shm.name}'`);
      expect({ code, left: exists(shm.name) }).toEqual({ code: 0, left: false });
    });

    test('ends by Ctrl-C as a shell expects', async () => {
      using shm = SharedMemory.create(64, { name: freshName() });
      const { code } = await onTerminal(['rm', shm.name, freshName()], '\u0003');
      expect({ code, left: exists(shm.name) }).toEqual({ code: -2, left: true });
    });

    test.skipIf(!platform.listsUnowned)('does not ask about an unused segment, nor with --force', async () => {
      using shm = SharedMemory.create(64, { name: freshName() });
      expect(await onTerminal(['rm', await abandon()], 'n\r')).toMatchObject({ asked: false, code: 0 });
      expect(await onTerminal(['rm', '--force', shm.name], 'n\r')).toMatchObject({ asked: false, code: 0 });
    });

    test('refuses with --json without asking', async () => {
      using shm = SharedMemory.create(64, { name: freshName() });
      expect(await onTerminal(['rm', '--json', shm.name], 'y\r')).toMatchObject({ asked: false, code: 1 });
      expect(exists(shm.name)).toBe(true);
    });
  },
);

describe.skipIf(!platform.hasSweep)('the prompt', () => {
  interface Prompt {
    confirm(question: string, dialogue: { input: PassThrough; output: PassThrough }): Promise<boolean>;
  }

  test.each([
    ['y\n', true],
    [' Yes \n', true],
    ['n\n', false],
    ['\n', false],
    ['', false],
    ['no yes\n', false],
  ])('takes %j for %s', async (typed, expected) => {
    const { confirm } = (await import(new URL('prompt.js', pathToFileURL(bin)).href)) as Prompt;
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answer = confirm('Remove it?', { input, output });
    input.end(typed);
    expect(await answer).toBe(expected);
    output.end();
    expect(await text(output)).toBe('Remove it? [y/N] ');
  });
});
