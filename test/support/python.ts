/** The CPython interpreters of this machine, and processes that run the fixture of a suite by one of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Answer, Request } from './child.ts';
import { Child } from './child.ts';
import { pathOfFixture } from './fixtures.ts';
import { processLimit } from './limits.ts';

/** One interpreter. */
export interface Python {
  /** Such as `3.11.7`. */
  version: string;
  /** Such as `11`. */
  minor: number;
  path: string;
}

const NAME = process.platform === 'win32' ? /^python(3(\.\d+)?)?\.exe$/i : /^python3(\.\d+)?$/;
const OLDEST = 8;

function candidates(): Set<string> {
  const pyenv = process.env['PYENV_ROOT'] ?? '';
  const versions = join(pyenv, 'versions');
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (pyenv !== '' && existsSync(versions)) {
    for (const version of readdirSync(versions)) folders.push(join(versions, version, 'bin'));
  }
  const paths = new Set<string>();
  for (const folder of folders) {
    // pyenv's stand-ins are slow, and stand for what is in `versions`.
    if (folder === '' || folder === join(pyenv, 'shims') || !existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      if (NAME.test(name)) paths.add(realpathSync(join(folder, name)));
    }
  }
  return paths;
}

/** Asks an interpreter what it is; `undefined` for one that does not run or has no shared memory. */
function identify(path: string): Python | undefined {
  const calls = process.platform === 'win32' ? '_winapi' : '_posixshmem';
  const script = `import sys, ${calls}; print("%d.%d.%d" % sys.version_info[:3], sys.executable, sep="\\n")`;
  try {
    const [version = '', executable = path] = execFileSync(path, ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: processLimit(),
    })
      .trim()
      .split(/\r?\n/);
    return { version, minor: Number(version.split('.')[1]), path: executable };
  } catch {
    return undefined;
  }
}

/** Every CPython from 3.8 on, one of each version, oldest first. */
export function findPythons(): Python[] {
  const found = new Map<string, Python>();
  for (const path of candidates()) {
    const python = identify(path);
    if (python !== undefined && python.minor >= OLDEST && !found.has(python.version)) found.set(python.version, python);
  }
  return [...found.values()].toSorted((a, b) => a.minor - b.minor || a.version.localeCompare(b.version));
}

class PythonScript extends Child {
  constructor({ path, version }: Python, script: string, deadline?: number) {
    const file = pathOfFixture(script);
    super(`${script} of Python ${version}`, [path, '-B', file], { stdio: 'pipe' }, deadline);
    // When it fails the child is gone, and its exit rejects what is pending.
    this.process.stdin?.on('error', () => {});
    if (this.process.stdout !== null) {
      createInterface({ input: this.process.stdout }).on('line', (line) => this.receive(JSON.parse(line) as Answer));
    }
  }

  protected override send(request: Request): void {
    this.process.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  protected override hangUp(): void {
    this.process.stdin?.end();
  }
}

/** Runs the fixture of a suite, named as in `interop/peer.py`, that answers requests, one line of JSON each. */
export function runPython(python: Python, script: string, deadline?: number): Child {
  return new PythonScript(python, script, deadline);
}
