/** A user's empty project, with the package installed in it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Manager } from './managers.ts';
import type { Outcome } from './programs.ts';
import { isolated, run } from './programs.ts';
import type { Registry } from './registry.ts';

const programs = fileURLToPath(new URL('../fixtures', import.meta.url));

/** A folder that is removed at the end of its scope. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'shareable-install-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Makes an empty project with the test programs in it. */
export function makeProject(path: string): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', private: true }));
  cpSync(programs, path, { recursive: true });
}

/** Makes an empty project and installs the package. Throws with the output of the manager. */
export async function install(manager: Manager, path: string, registry: Registry): Promise<number> {
  makeProject(path);
  manager.prepare?.(path, registry.url);
  const before = performance.now();
  const { code, stdout, stderr } = await run(manager.install, { cwd: path, env: isolated(path, registry.url) });
  if (code !== 0) throw new Error(`${manager.name} ended with ${code}:\n${stdout}${stderr}`);
  return performance.now() - before;
}

/** Runs one of the test programs in the project. */
export function start(command: string[], program: string, path: string): Promise<Outcome> {
  return run([...command, join(path, program)], { cwd: path, env: isolated(path) });
}
