import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { asUser, canBeAnotherUser } from '../support/another-user.ts';
import type { Run } from '../support/cli.ts';
import { shareable } from '../support/cli.ts';
import { canHavePrivateMemory, forkPrivately } from '../support/private-memory.ts';

interface Diagnosis {
  version: number;
  isFit: boolean;
  checks: { id: string; status: string; message: string; advice: string | null }[];
}

function parse({ stdout }: Run): Diagnosis {
  return JSON.parse(stdout) as Diagnosis;
}

const diagnose = async (env: Record<string, string> = {}) => parse(await shareable(['doctor', '--json'], { env }));
const find = ({ checks }: Diagnosis, id: string) => checks.find((check) => check.id === id);

describe.skipIf(!platform.hasSweep)('shareable doctor', () => {
  test('finds that this machine works, with a line for each check', async () => {
    const { version, isFit, checks } = await diagnose();
    expect(checks.filter(({ status }) => status === 'problem')).toEqual([]);
    expect({ version, isFit }).toEqual({ version: 1, isFit: true });
    const [before, after] = [
      ['node', 'platform', 'addon', 'helper', 'mount', 'space', 'memory-limit', 'segment'],
      ['doorbell', 'left-behind'],
    ];
    const limits = process.platform === 'linux' ? ['mappings', 'files', 'file-size'] : ['limits'];
    expect(checks.map(({ id }) => id)).toEqual([...before, ...limits, ...after]);
    expect(checks.find(({ id }) => id === 'helper')?.message).toMatch(
      /starts and answers in \d+\.\d ms, takes .* of memory$/,
    );
    const { code, stdout, stderr } = await shareable(['doctor']);
    expect(stdout).toMatch(/^ok +node +Node v/);
    expect(stdout).toMatch(/\nThis machine works(, with \d+ warnings?)?\.\n$/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('names a missing helper, says what to do, and exits with 1', async () => {
    const { code, stdout, stderr } = await shareable(['doctor'], { env: { SHAREABLE_HELPER: '/nonexistent/helper' } });
    expect(stdout).toMatch(
      /^problem +helper +there is no file \/nonexistent\/helper\n +Correct or unset SHAREABLE_HELPER\./m,
    );
    expect(stdout).toMatch(/\n1 problem, \d+ warnings?\n$/);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(await diagnose({ SHAREABLE_HELPER: '/nonexistent/helper' })).toMatchObject({ isFit: false });
  });

  test.skipIf(!canHavePrivateMemory)('says what asynchronous waits do without /proc', async () => {
    const through = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
    const run = await shareable(['doctor', '--json'], { through });
    expect(find(parse(run), 'doorbell')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('/proc/self/fd'),
      advice: expect.stringContaining('Asynchronous waits look every few milliseconds instead.'),
    });
  });

  test('reports a helper that is another program', async () => {
    const diagnosis = await diagnose({ SHAREABLE_HELPER: '/bin/echo' });
    expect(find(diagnosis, 'helper')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('/bin/echo'),
    });
    expect(find(diagnosis, 'segment')).toMatchObject({ status: 'ok' });
    expect(find(diagnosis, 'left-behind')).toMatchObject({ status: 'unavailable' });
  });

  test.skipIf(!platform.hasShmFolder)('keeps checking without an addon, and says why it does not load', async () => {
    const diagnosis = await diagnose({ SHAREABLE_ADDON: '/nonexistent/addon.node' });
    expect(find(diagnosis, 'addon')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('/nonexistent/addon.node'),
      advice: expect.stringContaining('SHAREABLE_ADDON'),
    });
    expect(find(diagnosis, 'helper')).toMatchObject({ status: 'unavailable' });
    expect(find(diagnosis, 'mount')).toMatchObject({ status: 'ok' });
  });
});

test.skipIf(!platform.hasSweep || !canBeAnotherUser)(
  'shareable doctor works for a user that has no name (as root)',
  async () => {
    const through = asUser(54_321);
    expect(await shareable(['doctor'], { through })).toMatchObject({ code: 0, stderr: '' });
  },
);

describe.skipIf(!platform.controlsShmFolder || !canHavePrivateMemory)(
  'shareable doctor, in a /dev/shm of its own',
  () => {
    test('leaves nothing in it', async () => {
      await using child = forkPrivately();
      expect(await child.ask<Run>('run', ['doctor'])).toMatchObject({ code: 0 });
      expect((await child.ask<Run>('run', ['ls'])).stdout).toBe('There are no shared memory segments.\n');
    });

    test('warns of the 64 MiB of containers, and says what to do', async () => {
      await using child = forkPrivately('size=64m');
      const diagnosis = parse(await child.ask<Run>('run', ['doctor', '--json']));
      expect(find(diagnosis, 'space')).toMatchObject({
        status: 'warning',
        message: '64.0 MiB of 64.0 MiB free: only the default of a container',
        advice: expect.stringContaining('--shm-size'),
      });
      expect(diagnosis.isFit).toBe(true);
    });

    test('finds a mount that is full', async () => {
      await using child = forkPrivately('size=1m');
      await child.ask('create', 1024 * 1024, { name: 'full', track: false });
      const diagnosis = parse(await child.ask<Run>('run', ['doctor', '--json']));
      expect(find(diagnosis, 'space')).toMatchObject({ status: 'problem' });
      expect(find(diagnosis, 'segment')).toMatchObject({
        status: 'problem',
        message: expect.stringContaining('/dev/shm has'),
      });
      expect(diagnosis.isFit).toBe(false);
    });

    test('finds a mount that is not writable', async () => {
      await using child = forkPrivately('ro');
      const { code, stdout } = await child.ask<Run>('run', ['doctor']);
      expect(stdout).toMatch(/^problem +mount +\/dev\/shm is mounted read-only/m);
      expect(stdout).toMatch(/^problem +segment/m);
      expect(code).toBe(1);
    });

    test('warns of a /dev/shm that is no tmpfs', async () => {
      await using child = forkPrivately('folder');
      const diagnosis = parse(await child.ask<Run>('run', ['doctor', '--json']));
      expect(find(diagnosis, 'mount')).toMatchObject({
        status: 'warning',
        message: expect.stringContaining('not a tmpfs'),
      });
    });
  },
);
