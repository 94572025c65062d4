import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { processLimit } from '../support/limits.ts';

const root = join(import.meta.dirname, '../..');
const crates = ['core', 'binding', 'helper'];

let copy: string;

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'shareable-layers-'));
  for (const crate of crates) {
    await cp(join(root, `crates/${crate}/src`), join(copy, `crates/${crate}/src`), { recursive: true });
  }
});

afterEach(() => rm(copy, { recursive: true, force: true }));

/** What the check prints about the copy. */
async function check(): Promise<{ code: number; output: string }> {
  const command = [join(root, 'scripts/check-layers.ts'), copy];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: processLimit() });
    return { code: 0, output: stdout };
  } catch (e) {
    const { code, stderr } = e as { code: number; stderr: string };
    return { code, output: stderr };
  }
}

/** Adds a line to the top of a source file of the copy, below its documentation. */
async function plant(file: string, line: string): Promise<void> {
  const path = join(copy, file);
  const text = await readFile(path, 'utf8');
  const end = text.search(/^(?!\/\/)/m);
  await writeFile(path, `${text.slice(0, end)}\n${line}\n${text.slice(end)}`);
}

test('the sources as they are pass', async () => {
  expect(await check()).toEqual({ code: 0, output: 'all dependencies point down\n' });
});

describe('a violation is reported with its file', () => {
  test.each([
    ['sys names a module above it', 'crates/core/src/sys/mod.rs', 'use crate::manager::Key;', 'manager'],
    ['one of several in braces', 'crates/core/src/sys/seat/mod.rs', 'use crate::{Error, lock::{Lock}};', 'lock'],
    ['by a name that the root exports', 'crates/core/src/mapping/mod.rs', 'use crate::{Segment, Error};', 'segment'],
    ['without a use declaration', 'crates/core/src/page.rs', 'type Page = crate::sys::Address;', 'sys'],
    ['between modules of one layer', 'crates/core/src/list.rs', 'use crate::lock::Lock;', 'lock'],
    ['between folders of sys', 'crates/core/src/sys/memory/mod.rs', 'use crate::sys::transport::Stream;', 'transport'],
    ['the system outside of sys', 'crates/core/src/segment.rs', 'use libc::c_int;', 'libc'],
    ['the system in the helper', 'crates/helper/src/main.rs', 'use rustix::fs::Stat;', 'rustix'],
    [
      'the API in an error text',
      'crates/core/src/segment.rs',
      'const TEXT: &str = "attach without readOnly";',
      'readOnly',
    ],
  ])('%s', async (_, file, line, named) => {
    await plant(file, line);
    const { code, output } = await check();
    expect(code).toBe(1);
    expect(output.trim().split('\n')).toHaveLength(1);
    expect(output).toContain(file);
    expect(output).toContain(named);
  });

  test('a module that is in no layer', async () => {
    await writeFile(join(copy, 'crates/core/src/fresh.rs'), '');
    expect(await check()).toMatchObject({ code: 1, output: expect.stringContaining('fresh is in no layer') });
  });
});
