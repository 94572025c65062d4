/** Folders for sockets, and what managers leave in the system's own. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder that is removed at the end of its scope. */
export function freshFolder(): { path: string; socket: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'test-manager-'));
  return { path, socket: join(path, 's'), [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Whether the folder that a server made for itself is there. */
export function folderExists(address: string | null): boolean {
  const folder = dirname(address ?? '');
  return readdirSync(dirname(folder)).some((name) => folder.endsWith(`/${name}`));
}
