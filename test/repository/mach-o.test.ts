/** The checks of a release find a binary for macOS that macOS would not load. `scripts/mach-o` has the tests of each rule. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { checkBinary } from '../../scripts/binaries.ts';
import { checkMachO, machOProblems } from '../../scripts/targets/mach-o.ts';
import { findTarget } from '../../scripts/targets/targets.ts';
import { platform } from '../support/platform.ts';

const hasCargo = platform.hasPosixCommands && spawnSync('cargo', ['--version']).status === 0;

const MH_MAGIC_64 = 0xfe_ed_fa_cf;
const CPU_TYPE_ARM64 = 0x1_00_00_0c;
const MH_DYLIB = 6;

const problems = [
  'does not say which macOS it needs',
  'has no LC_SYMTAB',
  'has no LC_DYSYMTAB',
  'has no segment __LINKEDIT',
  'has no code signature, without which Apple silicon kills its process',
];

describe.skipIf(!hasCargo)('the check of binaries for macOS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shareable-mach-o-'));
  const file = join(folder, 'package/shareable.darwin-arm64.node');
  const tarball = join(folder, 'package.tgz');

  beforeAll(() => {
    const header = Buffer.alloc(32);
    for (const [word, value] of [MH_MAGIC_64, CPU_TYPE_ARM64, 0, MH_DYLIB].entries())
      header.writeUInt32LE(value, word * 4);
    mkdirSync(join(folder, 'package'));
    writeFileSync(file, header);
    execFileSync('tar', ['--create', '--gzip', '--file', tarball, '--directory', folder, 'package']);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test('a header without load commands has all the problems of a file that lacks them', { timeout: 120_000 }, () => {
    expect(machOProblems(file, 'arm64')).toEqual(problems);
    expect(machOProblems(import.meta.filename, 'arm64')).toEqual(['is no Mach-O file of 64 bits']);
  });

  test('the build of a target fails, and so does the check of its package', { timeout: 120_000 }, () => {
    expect(() => checkMachO(findTarget('darwin-arm64'), file)).toThrow(`${file} ${problems.join('; ')}`);
    expect(checkBinary(tarball, 'shareable.darwin-arm64.node', 'darwin-arm64')).toEqual(
      problems.map((problem) => `darwin-arm64: shareable.darwin-arm64.node ${problem}`),
    );
  });

  test('a file that is not there is an error', { timeout: 120_000 }, () => {
    expect(machOProblems(join(folder, 'missing'), 'arm64')[0]).toMatch(/^cannot be read: /);
  });
});
