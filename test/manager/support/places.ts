/** Folders for sockets, and checks of the folders that managers make. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Where Windows keeps its pipes. */
const PIPES = '\\\\.\\pipe\\';

/** A folder that is removed at the end of its scope, and an address for a server: a path in it, or a pipe. */
export function freshFolder(): { path: string; socket: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'test-manager-'));
  const socket = process.platform === 'win32' ? PIPES + basename(path).toLowerCase() : join(path, 's');
  return { path, socket, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function pipeExists(address: string): boolean {
  try {
    return lstatSync(address) !== undefined;
  } catch (error) {
    // A pipe cannot be examined, but its existence can be checked.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** Whether the folder or pipe of a server exists. */
export function folderExists(address: string | null): boolean {
  if (process.platform === 'win32') return pipeExists(address ?? '');
  const folder = dirname(address ?? '');
  return readdirSync(dirname(folder)).some((name) => folder.endsWith(`/${name}`));
}
